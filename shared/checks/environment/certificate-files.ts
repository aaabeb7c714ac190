import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { isIP } from 'node:net'
import { readCertificate } from '../../integrations/http/certificate.ts'
import { HttpFault } from '../../integrations/http/http-fault.ts'
import { checksOf } from '../../config/checks.ts'
import type { Environment } from '../../config/environment.ts'
import { commonName, judgeKey, judgeTerm } from './certificate-terms.ts'
import { fail, skip, type Check } from '../check.ts'
import { combine, type Part } from '../combine.ts'

/** Where the guide has them. */
const guide = { file: '/etc/ssl/certs/production.crt', key: '/etc/ssl/private/production.key' }
const timeoutMs = 5_000

/** The certificate files that the server is given: a pair, in order, for this host, and the ones that are shown. */
export const certificateFiles: Check = {
  id: 'certificate-files',
  title: 'Certificate and key are a pair, the chain is in order, and the server shows this certificate',
  inapplicable: () => '',
  async run({ environment, clock, signal }) {
    const said = checksOf(environment).certificate
    const places = { file: said.file || guide.file, key: said.key || guide.key }
    const text = await readText(places.file)
    if (text === undefined && said.file === '')
      return skip(`no ${guide.file} on this machine: name the file in checks.certificate, if it is elsewhere`)
    const chain = text === undefined ? [] : parseChain(text)
    const [leaf] = chain
    if (!leaf) {
      return fail(
        `${places.file} ${text === undefined ? 'cannot be read' : 'has no certificate that can be read (PEM)'}`,
        `Put the certificate there, followed by its issuers: openssl x509 -in ${places.file} -noout -text shows it.`,
      )
    }
    const terms = { now: clock.now(), renewBeforeMs: said.renewBeforeMs }
    return combine(`${places.file}: ${commonName(leaf)}`, [
      ...chain.map(each => judgeTerm(each, each === leaf ? 'leaf' : 'issuer', terms)),
      ...chain.flatMap(judgeKey),
      ...judgeOrder(chain),
      ...judgeHost(leaf, environment),
      ...(await judgePair(leaf, places.key)),
      ...(await judgeShown(leaf, environment, signal)),
    ])
  },
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}

function parseChain(text: string): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  try {
    return blocks.map(block => new X509Certificate(block))
  } catch {
    return []
  }
}

/** Servers send the file as it is: a client that gets no issuer, or the wrong one first, gives up. */
function judgeOrder(chain: X509Certificate[]): Part[] {
  const remedy =
    'Write the certificate first, then its issuer, then the issuer of that; the root may be left out.'
  const wrong = chain.findIndex((each, index) => {
    const next = chain[index + 1]
    return next !== undefined && !each.checkIssued(next)
  })
  const [here, next] = [chain[wrong], chain[wrong + 1]]
  if (here && next)
    return [
      {
        result: 'fail',
        finding: `${commonName(next)} follows ${commonName(here)} and has not issued it`,
        remedy,
      },
    ]
  const [leaf] = chain
  if (chain.length === 1 && leaf && !leaf.checkIssued(leaf))
    return [{ result: 'warn', finding: 'the file has no issuer: phones and programs will refuse it', remedy }]
  return []
}

function judgeHost(leaf: X509Certificate, { url }: Environment): Part[] {
  const address = URL.parse(url)
  if (address?.protocol !== 'https:') return []
  const host = address.hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)) return []
  return [
    {
      result: 'fail',
      finding: `is not for ${host}`,
      remedy: `Issue a certificate whose subjectAltName has ${host}.`,
    },
  ]
}

async function judgePair(leaf: X509Certificate, path: string): Promise<Part[]> {
  const text = await readText(path)
  if (text === undefined)
    return [
      {
        result: 'warn',
        finding: `${path} cannot be read, so the pair was not compared`,
        remedy: `Run this as a user who may read ${path}, or name the key in checks.certificate.`,
      },
    ]
  const key = parseKey(text)
  if (typeof key === 'string')
    return [
      {
        result: 'fail',
        finding: `${path} is no private key: ${key}`,
        remedy: 'Put the key there that the certificate was made for, as PEM without a passphrase.',
      },
    ]
  if (!leaf.checkPrivateKey(key))
    return [
      {
        result: 'fail',
        finding: `${path} is the key of another certificate: no server starts with the two`,
        remedy: 'Put the key there that the certificate was made for.',
      },
    ]
  const { mode } = await stat(path)
  if ((mode & 0o007) !== 0)
    return [
      {
        result: 'fail',
        finding: `${path} has mode ${(mode & 0o777).toString(8)}: every user of this machine can read it`,
        remedy: `Run chmod 640 ${path}; when others may have read it, issue the certificate anew.`,
      },
    ]
  return [{ result: 'pass', finding: 'the key is its own', remedy: '' }]
}

function parseKey(text: string): KeyObject | string {
  try {
    return createPrivateKey(text)
  } catch {
    return /BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(text)
      ? 'it is encrypted'
      : 'it is not PEM'
  }
}

/** A file that was renewed without a reload of the server is noticed only on the day that the old one expires. */
async function judgeShown(leaf: X509Certificate, { url }: Environment, signal: AbortSignal): Promise<Part[]> {
  if (!url.startsWith('https:')) return []
  try {
    const [shown] = (await readCertificate(url, { timeoutMs, signal })).chain
    if (!shown || shown.fingerprint256 === leaf.fingerprint256) return []
    return [
      {
        result: 'warn',
        finding: `${url} shows another certificate, valid until ${new Date(shown.validTo).toISOString().slice(0, 10)}`,
        remedy:
          'Reload the server that shows it (nginx -s reload), or name the file that it uses in checks.certificate.',
      },
    ]
  } catch (error) {
    if (error instanceof HttpFault) return []
    throw error
  }
}
