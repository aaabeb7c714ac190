import { afterEach, expect, test } from '@jest/globals'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sampleBaseline } from '../../../shared/gate/baseline.ts'
import { systemClock as clock } from '../../../shared/host/clock.ts'
import { parseCondition } from '../../../shared/config/schema/condition.ts'
import { gateDefaults, type Environment } from '../../../shared/config/environment.ts'
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

function sample(url: string, gate: Partial<Environment['gate']> = {}, signal = new AbortController().signal) {
  const environment = {
    name: 'staging',
    url,
    gate: { ...gateDefaults, baselineMs: 500, ...gate },
    monitoring: { prometheus: '', grafana: '', pushgateway: '' },
  } as Environment
  return sampleBaseline(environment, { clock, log: silent, signal, env: {} })
}

const status = {
  checks: { database: { status: 'up' }, cache: { status: 'up' }, memory: { usedPercent: 91 } },
}

test('is what the service was: how fast, how often it failed, and what was over its threshold', async () => {
  let asked = 0
  const url = await serve((request, response) => {
    if (request.url === '/health') asked += 1
    if (request.url === '/health' && asked === 4) response.writeHead(500).end()
    else if (request.url === '/api/v1/metrics') response.end('queue 7\nidle 1\n')
    else response.end(JSON.stringify(status))
  })
  const baseline = await sample(url, {
    metrics: [parseCondition('', 'queue', 'queue < 5'), parseCondition('', 'idle', 'idle > 0')],
  })
  expect(baseline).toMatchObject({ failed: 1, over: { memory: 0.91, 'metric queue': 7 } })
  expect(baseline?.over).not.toHaveProperty('metric idle')
  expect(baseline?.ms.length).toBeGreaterThanOrEqual(4)
  expect(baseline?.ms.filter(ms => ms === null)).toHaveLength(1)
})

test('there is none of a first release, of an environment without a url, and where none is wanted', async () => {
  expect(await sample('http://127.0.0.1:1', { baselineMs: 60_000 })).toBeUndefined()
  expect(await sample('')).toBeUndefined()
  expect(await sample('http://127.0.0.1:1', { baselineMs: 0 })).toBeUndefined()
})

test('of a service that hangs holds no deploy up', async () => {
  const url = await serve(() => undefined)
  expect(await sample(url)).toMatchObject({ ms: [], failed: 0 })
})

test('ends with the step that takes it', async () => {
  const controller = new AbortController()
  const url = await serve(() => controller.abort(new Error('cancelled')))
  await expect(sample(url, {}, controller.signal)).rejects.toThrow('cancelled')
})

test('does not ask a Prometheus that the runbook does not name', async () => {
  const url = await serve((_, response) => void response.end('{}'))
  const queries = [parseCondition('', 'lag', 'max(lag) < 1')]
  expect(await sample(url, { queries })).toMatchObject({ over: {} })
})
