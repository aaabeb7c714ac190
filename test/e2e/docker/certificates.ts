import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a certificate is for, and how it is wrong, if it is. */
export interface CertificateOptions {
  /** Days until it ends; one that is negative has ended. */
  days?: number
  address?: string
}

/** An authority of one's own, in a folder. */
export interface Authority {
  /** Path of its certificate. */
  ca: string
  /** Issues a certificate. @returns paths */
  issue(name: string, options?: CertificateOptions): { cert: string; key: string }
  /** A folder as DOCKER_CERT_PATH names one: this authority's certificate, and one for a client. */
  clientFolder(name: string, options?: CertificateOptions & { ca?: string }): string
}

export function createAuthority(folder: string, name: string): Authority {
  mkdirSync(folder, { recursive: true })
  const at = (file: string) => join(folder, file)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const newKey = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'.split(' ')
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    'ca-key.pem',
    '-out',
    'ca.pem',
  )
  writeFileSync(at('index.txt'), '')
  writeFileSync(at('serial'), '01\n')
  writeFileSync(
    at('ca.cnf'),
    `[ca]\ndefault_ca = this\n[this]\ndatabase = ${at('index.txt')}\nserial = ${at('serial')}\nnew_certs_dir = ${folder}
default_md = sha256\npolicy = any\nunique_subject = no\n[any]\ncommonName = supplied\n`,
  )
  const issue: Authority['issue'] = (what, { days = 1, address = '127.0.0.1' } = {}) => {
    openssl('req', ...newKey, '-subj', `/CN=${what}`, '-keyout', `${what}-key.pem`, '-out', `${what}.csr`)
    writeFileSync(at(`${what}.ext`), `subjectAltName=IP:${address}\n`)
    const day = 86_400_000
    const [from, to] = [Date.now() - 3 * day, Date.now() + days * day].map(time =>
      new Date(time).toISOString().replace(/[-:T]/g, '').replace(/\..*/, 'Z'),
    )
    openssl(
      ...['ca', '-batch', '-notext', '-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca-key.pem'],
      ...['-startdate', from ?? '', '-enddate', to ?? '', '-extfile', `${what}.ext`],
      ...['-in', `${what}.csr`, '-out', `${what}.pem`],
    )
    return { cert: at(`${what}.pem`), key: at(`${what}-key.pem`) }
  }
  return {
    ca: at('ca.pem'),
    issue,
    clientFolder(what, { ca = at('ca.pem'), ...options } = {}) {
      const { cert, key } = issue(what, options)
      const into = at(`${what}-folder`)
      mkdirSync(into)
      for (const [from, to] of [
        [ca, 'ca.pem'],
        [cert, 'cert.pem'],
        [key, 'key.pem'],
      ] as const)
        copyFileSync(from, join(into, to))
      return into
    },
  }
}
