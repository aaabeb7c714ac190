import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createPlainServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { certificateFiles } from '../../../shared/checks/environment/certificate-files.ts'
import { certificate } from '../../../shared/checks/environment/certificate.ts'
import type { Check } from '../../../shared/checks/check.ts'
import { tls } from '../../../shared/checks/environment/tls.ts'
import { resolveChecks } from '../../../shared/config/checks.ts'
import { environmentAt } from '../gate/ports.ts'
import { openAuthority, type Authority } from './authority.ts'
import { ask } from './context.ts'

const year = { from: -1, to: 300 }
let authority: Authority
beforeAll(() => {
  authority = openAuthority()
  authority.issue('good', 'localhost', year)
  authority.issue('rsa', 'localhost', year, ['rsa:2048'])
})
afterAll(() => authority.close())

const urlOf = (server: { address(): unknown }) =>
  `https://localhost:${(server.address() as AddressInfo).port}`
const check = (which: Check, server: { address(): unknown }) =>
  ask(which, {}, { environment: environmentAt(urlOf(server)) })

describe('the certificate check', () => {
  test('fails for an unknown authority, and passes once it is known', async () => {
    const server = await authority.serve('good')
    expect(await check(certificate, server)).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
      remedy: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
    })
    authority.trust()
    expect(await check(certificate, server)).toMatchObject({
      result: 'pass',
      finding: expect.stringMatching(/^localhost, issued by Own CA, valid until .*TLSv1\.3$/),
    })
  })

  test.each([
    ['expired', { from: -30, to: -1 }, 'fail', 'expired on'],
    ['early', { from: 2, to: 90 }, 'fail', 'is valid from'],
    ['late', { from: -1, to: 5.5 }, 'warn', '5 days left'],
  ])('of one that is %s: %j is a %s', async (name, days, result, finding) => {
    authority.trust()
    authority.issue(name, 'localhost', days)
    expect(await check(certificate, await authority.serve(name))).toMatchObject({
      result,
      finding: expect.stringContaining(finding),
    })
  })

  test('fails for another host name, and where no TLS is spoken', async () => {
    authority.trust()
    authority.issue('other', 'other.example', year)
    expect(await check(certificate, await authority.serve('other'))).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
    })
    const plain = createPlainServer().listen(0, '127.0.0.1')
    await once(plain, 'listening')
    await expect(check(certificate, plain)).rejects.toMatchObject({ name: 'HttpFault', kind: 'tls' })
    plain.close()
  })
})

describe('the check of how TLS is spoken', () => {
  const hsts = { 'strict-transport-security': 'max-age=31536000; includeSubDomains' }

  test('passes for what is spoken today, with HSTS', async () => {
    authority.trust()
    const server = await authority.serve('good', {}, hsts)
    expect(await check(tls, server)).toEqual({
      result: 'pass',
      finding: 'TLSv1.3 is spoken, nothing old or weak, HSTS is on',
      remedy: '',
    })
  })

  test('names what is old or weak, until the remedy was followed', async () => {
    authority.trust()
    const weak = { minVersion: 'TLSv1', ciphers: 'ALL:aNULL:@SECLEVEL=0' } as const
    const { result, finding, remedy } = await check(tls, await authority.serve('rsa', weak))
    expect(result).toBe('fail')
    for (const each of ['TLS 1.0 is', 'TLS 1.1 is', 'without forward secrecy are', 'there is no HSTS'])
      expect(finding).toContain(each)
    expect(remedy).toMatch(/TLSv1\.2 TLSv1\.3.*intermediate.*Strict-Transport-Security/)
    const strict = { minVersion: 'TLSv1.2', ciphers: 'ECDHE+AESGCM' } as const
    expect(await check(tls, await authority.serve('rsa', strict, hsts))).toMatchObject({ result: 'pass' })
  })
})

describe('the check of certificate files', () => {
  let url = ''
  beforeAll(async () => {
    authority.trust()
    url = urlOf(await authority.serve('good'))
  })

  /** The files by these names, of a service at that address. */
  function files(file: string, key: string, at = url) {
    const said = { certificate: { file: authority.file(file), key: authority.file(key) } }
    const environment = environmentAt(at, { checks: resolveChecks(name => name, said) })
    return ask(certificateFiles, {}, { environment })
  }
  const bundle = (...names: string[]) => {
    const texts = names.map(name => readFileSync(authority.file(`${name}.pem`), 'utf8'))
    writeFileSync(authority.file('bundle.pem'), texts.join(''))
    return 'bundle.pem'
  }

  test('passes for a pair with its chain in order, which is what is shown', async () => {
    expect(await files(bundle('good', 'ca'), 'good.key')).toMatchObject({
      result: 'pass',
      finding: expect.stringMatching(/bundle\.pem: localhost, valid until .*, the key is its own$/),
    })
  })

  test('warns of a missing issuer, and of one that is renewed and not yet shown', async () => {
    expect(await files('good.pem', 'good.key')).toMatchObject({
      result: 'warn',
      finding: expect.stringContaining('no issuer'),
    })
    authority.issue('renewed', 'localhost', { from: 0, to: 360 })
    expect(await files(bundle('renewed', 'ca'), 'renewed.key')).toMatchObject({
      result: 'warn',
      finding: expect.stringContaining('shows another certificate'),
      remedy: expect.stringContaining('nginx -s reload'),
    })
  })

  test.each([
    ['the key of another', ['good', 'ca'], 'rsa.key', 'is the key of another certificate'],
    ['no key', ['good', 'ca'], 'ca.pem', 'is no private key: it is not PEM'],
    [
      'a chain in the wrong order',
      ['ca', 'good'],
      'ca.key',
      'localhost follows Own CA and has not issued it',
    ],
    ['nothing in it', [], 'good.key', 'has no certificate that can be read'],
  ])('fails for %s', async (_what, names, key, finding) => {
    const found = await files(bundle(...names), key)
    expect(found).toMatchObject({ result: 'fail', finding: expect.stringContaining(finding) })
    expect(found.remedy).not.toBe('')
  })

  test('fails for a short key, an expired one, another host, and a key that every user can read', async () => {
    authority.issue('short', 'localhost', { from: -30, to: -1 }, ['rsa:1024'])
    const { result, finding } = await files(bundle('short', 'ca'), 'short.key', 'https://api.invalid')
    expect(result).toBe('fail')
    for (const each of ['expired on', 'a key of 1024 bits', 'is not for api.invalid'])
      expect(finding).toContain(each)
    chmodSync(authority.file('good.key'), 0o644)
    const open = await files(bundle('good', 'ca'), 'good.key')
    expect(open).toMatchObject({ result: 'fail', finding: expect.stringContaining('has mode 644') })
    const [, mode = ''] = /chmod (\d+)/.exec(open.remedy) ?? []
    chmodSync(authority.file('good.key'), parseInt(mode, 8))
    expect(await files(bundle('good', 'ca'), 'good.key')).toMatchObject({ result: 'pass' })
  })

  test("skips where the guide's files are not, and fails where the runbook's are not", async () => {
    const nothing = await ask(certificateFiles, {}, { environment: environmentAt(url) })
    expect(nothing.result).toBe('skip')
    expect(await files('nowhere.pem', 'good.key')).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('nowhere.pem cannot be read'),
    })
  })
})
