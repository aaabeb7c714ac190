import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type ServerOptions } from 'node:https'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { makeFolder } from './context.ts'

/** A certificate authority of the test's own, made with openssl, and what it has signed. */
export interface Authority {
  folder: string
  file(name: string): string
  /** Makes NAME.key and NAME.pem, signed for a host and from one day to another, counted from now. */
  issue(name: string, host: string, days: { from: number; to: number }, key?: string[]): void
  /** A server that shows what was issued under that name. */
  serve(name: string, options?: ServerOptions, headers?: Record<string, string>): Promise<Server>
  /** From now on this process trusts it. */
  trust(): void
  close(): void
}

const curve = ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']

export function openAuthority(): Authority {
  const folder = makeFolder()
  const usual = getCACertificates('default')
  const servers: Server[] = []
  const file = (name: string) => join(folder.path, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder.path, stdio: 'pipe' })
  const newKey = (name: string, key: string[]) => ['-newkey', ...key, '-nodes', '-keyout', name]
  writeFileSync(file('index'), '')
  writeFileSync(file('serial'), '01\n')
  writeFileSync(
    file('ca.conf'),
    `[ca]\ndefault_ca = own\n[own]\nnew_certs_dir = .\ndatabase = index\nserial = serial\ndefault_md = sha256
policy = any\nunique_subject = no\ncopy_extensions = copy\n[any]\ncommonName = supplied\n`,
  )
  openssl('req', '-x509', ...newKey('ca.key', curve), '-out', 'ca.pem', '-subj', '/CN=Own CA', '-days', '365')

  return {
    folder: folder.path,
    file,
    issue(name, host, { from, to }, key = curve) {
      const at = (day: number) => {
        const iso = new Date(Date.now() + day * 86_400_000).toISOString()
        return `${iso.replace(/[-:T]/g, '').slice(0, 14)}Z`
      }
      const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`]
      openssl('req', '-new', ...newKey(`${name}.key`, key), '-out', `${name}.csr`, ...names)
      const signer = ['-config', 'ca.conf', '-cert', 'ca.pem', '-keyfile', 'ca.key', '-batch', '-notext']
      const times = ['-startdate', at(from), '-enddate', at(to)]
      openssl('ca', ...signer, ...times, '-in', `${name}.csr`, '-out', `${name}.pem`)
    },
    async serve(name, options = {}, headers = {}) {
      const pair = { key: readFileSync(file(`${name}.key`)), cert: readFileSync(file(`${name}.pem`)) }
      const server = createServer({ ...pair, ...options }, (_request, response) => {
        response.writeHead(200, headers).end()
      })
      servers.push(server)
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    },
    trust: () => setDefaultCACertificates([...usual, readFileSync(file('ca.pem'), 'utf8')]),
    close() {
      setDefaultCACertificates(usual)
      for (const server of servers) {
        server.close()
        server.closeAllConnections()
      }
      folder.remove()
    },
  }
}
