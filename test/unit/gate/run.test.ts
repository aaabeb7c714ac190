import { afterEach, describe, expect, test } from '@jest/globals'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { GatePlan } from '../../../shared/gate/plan.ts'
import { watch } from '../../../shared/gate/run.ts'
import { systemClock as clock } from '../../../shared/host/clock.ts'
import { silent } from '../../log.ts'

let server: Server | undefined

afterEach(() => {
  server?.close()
  server?.closeAllConnections()
})

async function serve(listener: RequestListener): Promise<string> {
  const made = createServer(listener)
  server = made
  await new Promise<void>(resolve => made.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`
}

const planFor = (url: string, redirectsTo: string[] = []): GatePlan => ({
  redirectsTo,
  url,
  endpoints: [{ path: '/health', json: {}, judged: 'content' }],
  metrics: [],
  queries: [],
  prometheus: '',
  baseline: undefined,
  forMs: 600,
  intervalMs: 10,
  rounds: 60,
  limits: {
    errors: { allowed: 0.01, passBelow: 0.05 },
    latency: undefined,
    thresholds: [],
    instances: [],
    warmUp: { boundMs: 0, excuses: 'starting' },
  },
})
const { signal } = new AbortController()
const gate = (plan: GatePlan, signal = new AbortController().signal) =>
  watch(plan, { clock, log: silent, signal, env: {} })

describe('a gate', () => {
  test('passes a service that answers', async () => {
    const url = await serve((_, response) => void response.end('ok'))
    expect(await gate(planFor(url))).toMatchObject({ verdict: 'pass', probes: 60, failed: 0 })
  })

  test('does not pass a service that only redirects to another one, unless the runbook names it', async () => {
    let asked = 0
    const other = createServer((_, response) => {
      asked += 1
      response.end('healthy')
    })
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
    const origin = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    const url = await serve((_, response) => void response.writeHead(302, { location: `${origin}/` }).end())
    const failed = await gate(planFor(url))
    expect(failed).toMatchObject({ verdict: 'fail' })
    expect(JSON.stringify(failed.evidence)).toContain(
      `302, a redirect to ${origin}, which redirects-to of the runbook does not name`,
    )
    expect(asked).toBe(0)
    expect(await gate(planFor(url, [origin]))).toMatchObject({ verdict: 'pass' })
    other.close()
  })

  test.each([
    ['/health', 'Does the service have other paths? Set gate.paths.'],
    ['/mine', undefined],
  ])('that meets a 404 at %s hints at other paths: %s', async (path, next) => {
    const url = await serve((_, response) => void response.writeHead(404).end())
    const { evidence } = await gate({ ...planFor(url), endpoints: [{ path, json: {}, judged: 'content' }] })
    expect(evidence.find(({ subject }) => subject === `GET ${path}`)?.next).toBe(next)
  })

  test('keeps the body of an answer that fails: bounded, without control characters', async () => {
    const body = `{"error":"relation \\"ordersx\\" does not exist"}\u001b[2J${'x'.repeat(10_000)}`
    const url = await serve((_, response) => void response.writeHead(500).end(body))
    const { evidence } = await gate(planFor(url))
    const failed = evidence.find(({ subject }) => subject === 'GET /health')
    expect(failed).toMatchObject({ finding: expect.stringContaining('500') })
    expect(failed?.detail).toContain('relation \\"ordersx\\" does not exist"}\\u001b[2Jxxx')
    expect(failed?.detail?.length).toBeLessThan(2_100)
  })

  test('goes on for the probes that it lacks when its window was too short for one that was lost', async () => {
    let asked = 0
    const url = await serve((_, response) => void response.writeHead((asked += 1) === 20 ? 500 : 200).end())
    const said: string[] = []
    const result = await watch(planFor(url), {
      clock,
      log: { ...silent, info: line => void said.push(line) },
      signal: new AbortController().signal,
      env: {},
    })
    expect(result).toMatchObject({ verdict: 'pass', probes: 131, failed: 1 })
    expect(said).toContain('The window leaves it undecided: probing 71 more times.')
  })

  test('fails one that is down, as soon as that is certain', async () => {
    const { verdict, probes, evidence } = await gate(planFor('http://127.0.0.1:1'))
    expect(verdict).toBe('fail')
    expect(probes).toBeLessThan(20)
    expect(evidence.find(({ subject }) => subject === 'GET /health')).toMatchObject({
      tone: 'bad',
      finding: expect.stringContaining('connection refused'),
    })
  })

  test('waits for the network to find a first release, and judges only then', async () => {
    const url = await serve((_, response) => void response.end('ok'))
    const { port } = new URL(url)
    const closed = server
    await new Promise(resolve => closed?.close(resolve))
    const plan = planFor(url)
    const limits = { ...plan.limits, warmUp: { boundMs: 60_000, excuses: 'starting' } as const }
    const judged = await watch(
      { ...plan, limits },
      { clock, log: { ...silent, warn: listen }, signal, env: {} },
    )
    expect(judged).toMatchObject({ verdict: 'pass', failed: 0 })
    expect(judged.warmUpMs).toBeGreaterThan(0)
    expect(judged.evidence.find(({ subject }) => subject === 'warm-up')?.finding).toContain(
      'connection refused',
    )

    /** The gate warns that nothing listens: only then something does. */
    function listen(line: string): void {
      if (line.includes('connection refused')) closed?.listen(Number(port), '127.0.0.1')
    }
  })

  test('fails one that breaks while it is watched, before the window is over', async () => {
    let answers = 0
    const url = await serve((_, response) => {
      answers += 1
      response.writeHead(answers > 20 ? 500 : 200).end()
    })
    const { verdict, probes } = await gate(planFor(url))
    expect(verdict).toBe('fail')
    expect(probes).toBeLessThan(50)
  })

  test('is not misled by failures that are answered sooner than successes', async () => {
    let asked = 0
    const url = await serve((_, response) => {
      asked += 1
      // One of five fails at once; the others take as long as eight rounds.
      if (asked % 5 === 0) response.writeHead(500).end()
      else setTimeout(() => response.end('ok'), 80)
    })
    // Founded on what is answered first, it would have failed for the first two failures alone.
    const { probes, failed } = await gate(planFor(url))
    expect(failed / probes).toBeLessThan(0.3)
  })

  test('does not decide when the name of the host has no address', async () => {
    const { verdict, failed, evidence } = await gate({ ...planFor('http://no-such-host.invalid'), rounds: 4 })
    expect([verdict, failed]).toEqual(['inconclusive', 0])
    expect(evidence.at(-1)).toMatchObject({ tone: 'warn', finding: expect.stringContaining('no address') })
  })

  test('does not decide by what the service has told of its memory before it fell silent', async () => {
    let asked = 0
    const checks = (told: object) => ({
      checks: { database: { status: 'up' }, cache: { status: 'up' }, ...told },
    })
    const url = await serve((_, response) => {
      asked += 1
      response.end(JSON.stringify(checks(asked <= 30 ? { memory: { usedPercent: 40 } } : {})))
    })
    const memory = { signal: 'memory', operator: '<', limit: 0.85, unit: 'share', before: undefined } as const
    const plan = planFor(url)
    const told: GatePlan = { ...plan, endpoints: [{ path: '/api/v1/status', json: {}, judged: 'content' }] }
    expect(await gate({ ...told, limits: { ...plan.limits, thresholds: [memory] } })).toMatchObject({
      verdict: 'inconclusive',
      failed: 0,
      because: 'memory: /api/v1/status tells no number as checks.memory.usedPercent',
    })
  })

  test('asks a service that hangs as often as one that answers', async () => {
    let open = 0
    const url = await serve(() => {
      open += 1
    })
    const controller = new AbortController()
    const waiting = gate(planFor(url), controller.signal)
    while (open < 60) await new Promise(resolve => setImmediate(resolve))
    controller.abort(new Error('cancelled'))
    await expect(waiting).rejects.toThrow('cancelled')
  })
})
