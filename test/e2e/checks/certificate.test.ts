import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { createServer as createPlainServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { certificate } from '../../../shared/checks/certificate.ts'
import { environmentAt } from '../gate/ports.ts'
import { ask, makeFolder } from './context.ts'

const folder = makeFolder()
const file = (name: string) => join(folder.path, name)
const openssl = (...args: string[]) =>
  execFileSync('openssl', args, { cwd: folder.path, stdio: 'pipe' }).toString()
const usual = getCACertificates('default')

beforeAll(() => {
  writeFileSync(file('index'), '')
  writeFileSync(file('serial'), '01\n')
  writeFileSync(
    file('ca.conf'),
    `[ca]\ndefault_ca = own\n[own]\nnew_certs_dir = .\ndatabase = index\nserial = serial\ndefault_md = sha256
policy = any\nunique_subject = no\ncopy_extensions = copy\n[any]\ncommonName = supplied\n`,
  )
  const subject = ['-subj', '/CN=Own CA', '-days', '2']
  openssl('req', '-x509', ...key('ca.key'), '-out', 'ca.pem', ...subject)
})
afterAll(() => {
  setDefaultCACertificates(usual)
  folder.remove()
})

function key(name: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', name]
}

/** A server whose certificate the own authority has signed, for a host name and a time. */
async function serve(host: string, days: { from: number; to: number }): Promise<Server> {
  const at = (day: number) => {
    const iso = new Date(Date.now() + day * 86_400_000).toISOString()
    return `${iso.replace(/[-:T]/g, '').slice(0, 14)}Z`
  }
  const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`]
  openssl('req', '-new', ...key('leaf.key'), '-out', 'leaf.csr', ...names)
  const signer = ['-config', 'ca.conf', '-cert', 'ca.pem', '-keyfile', 'ca.key', '-batch', '-notext']
  const times = ['-startdate', at(days.from), '-enddate', at(days.to)]
  openssl('ca', ...signer, ...times, '-in', 'leaf.csr', '-out', 'leaf.pem')
  const server = createServer({ key: readFileSync(file('leaf.key')), cert: readFileSync(file('leaf.pem')) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function check(server: { address(): unknown; close(): unknown }) {
  const { port } = server.address() as AddressInfo
  try {
    return await ask(certificate, {}, { environment: environmentAt(`https://localhost:${port}`) })
  } finally {
    server.close()
  }
}

function trust(): void {
  setDefaultCACertificates([...usual, readFileSync(file('ca.pem'), 'utf8')])
}

describe('the certificate check', () => {
  test('fails for an authority that nobody knows, and passes once it is known', async () => {
    const days = { from: -1, to: 90 }
    expect(await check(await serve('localhost', days))).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
    })
    trust()
    expect(await check(await serve('localhost', days))).toMatchObject({
      result: 'pass',
      finding: expect.stringMatching(/^localhost, issued by Own CA, valid until .*TLSv1\.3$/),
    })
  })

  test('fails for one that has expired, warns of one that is about to', async () => {
    trust()
    expect(await check(await serve('localhost', { from: -30, to: -1 }))).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('expired on'),
    })
    expect(await check(await serve('localhost', { from: -1, to: 5.5 }))).toMatchObject({
      result: 'warn',
      finding: expect.stringContaining('5 days left'),
    })
  })

  test('fails for another host name', async () => {
    trust()
    expect(await check(await serve('other.example', { from: -1, to: 90 }))).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
    })
  })

  test('fails where no TLS is spoken', async () => {
    const plain = createPlainServer()
    plain.listen(0, '127.0.0.1')
    await once(plain, 'listening')
    await expect(check(plain)).rejects.toMatchObject({ name: 'HttpFault', kind: 'tls' })
  })
})
