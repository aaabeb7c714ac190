import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../shared/host/clock.ts'
import { sendLoad } from '../../../shared/smoke/load.ts'
import { createAuthority } from '../docker/certificates.ts'
import { startIllServer, type IllServer } from './ill-server.ts'
import { smokeTest } from './terminal.ts'

let folder: string
let ill: IllServer
let stranger: Server
let strangerHeads: string[]

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ill-'))
  strangerHeads = []
  stranger = createServer((request, response) => {
    strangerHeads.push(JSON.stringify([request.method, request.url, request.headers]))
    response.end('{}')
  })
  await new Promise<void>(resolve => stranger.listen(0, '127.0.0.1', resolve))
  ill = await startIllServer(`http://localhost:${(stranger.address() as AddressInfo).port}/stranger`)
})

afterAll(async () => {
  stranger.close()
  stranger.closeAllConnections()
  await ill.close()
  rmSync(folder, { recursive: true })
})

/** What an answer that is cut at its bound can still be asked: that it is JSON. */
const json = '{ ok: true }'

describe('one request at a time', () => {
  const cases: [path: string, more: string, finding: string][] = [
    ['/silent', 'timeout: 300ms', 'no whole answer within 300 ms'],
    ['/drip-head', 'timeout: 300ms', 'no whole answer within 300 ms'],
    ['/drip-body', 'timeout: 300ms', 'no whole answer within 300 ms'],
    ['/huge', `expect: { json: ${json} }`, 'the body is too long'],
    ['/endless', `expect: { json: ${json} }`, 'the body is too long'],
    ['/endless-head', '', 'not an HTTP answer (HPE_HEADER_OVERFLOW)'],
    ['/endless-hints', 'timeout: 300ms', 'no whole answer within 300 ms'],
    ['/loop', 'redirects: 3', 'more than 3 redirects'],
    ['/leave-with-body', 'redirects: 3, method: POST, body: hidden-body', 'redirects to http://localhost'],
    ['/gzip-bomb', `expect: { json: ${json} }`, 'the body is too long'],
    ['/br-bomb', `expect: { json: ${json} }`, 'the body is too long'],
    ['/zstd-bomb', `expect: { json: ${json} }`, 'the body is too long'],
    ['/bomb-in-bomb', `expect: { json: ${json} }`, 'the body is too long'],
    ['/zstd-window', '', 'the body is not in its encoding (ZSTD_error_frameParameter_windowTooLarge)'],
    ['/half-closed', '', 'connection ended before the answer'],
    ['/half-body', '', 'connection ended before the answer'],
    ['/ssh', '', 'not an HTTP answer (HPE_INVALID_CONSTANT)'],
  ]

  test('nothing that a server sends, or does not send, costs more than its bound', async () => {
    // A good one between any two: three in a row without an answer end a suite.
    const lines = cases.flatMap(([path, more], index) => [
      `  - { name: case ${index}, path: ${path}${more === '' ? '' : `, ${more}`} }`,
      `  - { name: well ${index}, path: /well, expect: { json: { ok: true } } }`,
    ])
    const leave = '  - { name: leave, path: /leave, redirects: 1 }'
    const suite = `name: ill\nauth: { bearer: TOKEN }\nheaders: { x-api-key: hidden-key }\nrequests:\n${lines.join('\n')}\n${leave}\n`
    const ran = await smokeTest(folder, ill.url, suite, ['-n', '0'], { TOKEN: 'hidden-token' })
    const findings = new Map(ran.outcome.evidence.map(({ subject, finding }) => [subject, finding]))
    for (const [index, [path, more, finding]] of cases.entries()) {
      const method = more.includes('POST') ? 'POST' : 'GET'
      expect(findings.get(`${method} ${path} (case ${index})`)).toContain(finding)
      expect(findings.get(`GET /well (well ${index})`)).toMatch(/^200 in /)
    }
    expect(ran).toMatchObject({ code: 1, outcome: { reason: 'smoke-failed' } })
    // Ten times that of the bodies came in or would have been unpacked; the program itself takes about 120.
    expect(ran.peakMiB).toBeLessThan(220)

    expect(ill.heads.find(head => head.includes('/leave '))).toContain('Bearer hidden-token')
    // The runbook does not name the other origin, which is not asked.
    expect(strangerHeads).toEqual([])
    expect(JSON.stringify(ran)).not.toContain('hidden')
  })

  test('a service that is down is not asked for the rest of its suite', async () => {
    const before = ill.heads.length
    const requests = Array.from({ length: 9 }, (_, index) => `  - { name: n${index}, path: /half-closed }`)
    const { outcome } = await smokeTest(
      folder,
      ill.url,
      `name: down\nrequests:\n${requests.join('\n')}\n`,
      [],
    )
    expect(outcome.outputs).toMatchObject({ passed: '0', failed: '9' })
    expect(outcome.evidence[3]?.finding).toContain('not sent: the 3 before it got no answer')
    expect(ill.heads.length - before).toBe(3)
  })
})

describe('the load', () => {
  const load = (
    path: string,
    said: { url?: string; requests?: number; maxErrorRate?: number; timeoutMs?: number } = {},
  ) =>
    sendLoad(
      {
        url: (said.url ?? ill.url) + path,
        headers: {},
        requests: said.requests ?? 2,
        concurrency: 2,
        maxRate: 1_000,
        maxErrorRate: said.maxErrorRate ?? 1,
        timeoutMs: said.timeoutMs ?? 20_000,
      },
      systemClock,
      new AbortController().signal,
    )

  const expectFailing = async (path: string, kind: string, timeoutMs: number) => {
    const { sent, failed, failures } = await load(path, { timeoutMs })
    expect({ sent, failed, failures }).toEqual({ sent: 2, failed: 2, failures: new Map([[kind, 2]]) })
  }

  test.each(['/silent', '/drip-head', '/drip-body'])('%s is a failure when its time is over', path =>
    expectFailing(path, 'no whole answer within 300 ms', 300),
  )

  test.each([
    ['/huge', 'a body of more than 262144 bytes'],
    ['/endless', 'a body of more than 262144 bytes'],
    ['/endless-head', 'a head of more than 16384 bytes'],
    ['/endless-hints', '103 instead of an answer'],
    ['/leave', '302'],
    ['/half-closed', 'connection ended before the answer'],
    ['/half-body', 'connection ended before the answer'],
    ['/ssh', 'not an HTTP answer'],
  ])('%s is a failure: %s', (path, kind) => expectFailing(path, kind, 20_000))

  test('unpacks nothing', async () => {
    expect(await load('/br-bomb')).toMatchObject({ sent: 2, failed: 0 })
  })

  test('a connection that the server ends is made anew, and no request is lost to it', async () => {
    const closing = await load('/closes', { requests: 50 })
    expect(closing).toMatchObject({ sent: 50, failed: 0, connections: 50 })
    const ending = await load('/every-third-ends', { requests: 50 })
    expect(ending).toMatchObject({ sent: 50, failed: 0 })
    expect(ending.connections).toBeGreaterThanOrEqual(25)
  })

  test('a service that goes away is found out with the requests that were under way', async () => {
    let answered = 0
    const server = createServer((_, response) => {
      answered += 1
      response.end('{}')
      if (answered === 200) {
        server.close()
        server.closeAllConnections()
      }
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const result = await load('/', { url, requests: 5_000, maxErrorRate: 0.1 })
    expect(result.stopped).toBe('rise')
    expect(result.sent).toBeLessThan(240)
  })
})

test('over TLS: phases, a load, and no trust in an unknown certificate', async () => {
  const authority = createAuthority(join(folder, 'ca'), 'ours')
  const { cert, key } = authority.issue('service')
  const options = { cert: readFileSync(cert), key: readFileSync(key) }
  const server = createTlsServer(options, (_, response) => void response.end('{}'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const suite = 'name: tls\nload: { path: / }\nrequests: [{ name: root, path: / }]\n'
  try {
    const trusted = await smokeTest(folder, url, suite, ['-n', '40', '-c', '4', '--max-rate', '500'], {
      NODE_EXTRA_CA_CERTS: authority.ca,
    })
    expect(trusted.outcome).toMatchObject({ status: 'success', outputs: { passed: '2', failed: '0' } })
    const [request, load] = trusted.outcome.evidence
    expect(request?.detail).toMatch(/connection \d+\.\d ms, TLS (?!0\.0)\d+\.\d ms, first byte \d+\.\d ms/)
    expect(load?.detail).toContain('connections: 4 made')
    const untrusted = await smokeTest(folder, url, suite, ['-n', '40'])
    expect(untrusted.outcome.summary).toMatch(/TLS: .*certificate/)
  } finally {
    server.close()
    server.closeAllConnections()
  }
})
