import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import type { Vitals } from '../../../shared/release/vitals.ts'
import type { Environment } from '../../../shared/config/environment.ts'
import { healthGateFields } from '../../../shared/commands/verify/health-gate.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { look } from '../../../shared/commands/inspect/look.ts'
import { createPorts } from '../../../shared/commands/step/machine.ts'
import type { TargetPorts } from '../../../shared/commands/step/ports.ts'
import type { Target } from '../../../shared/targets/target.ts'
import { environmentAt, realPorts } from '../../e2e/gate/ports.ts'
import { silent } from '../../log.ts'

const server = createServer((_, response) => void response.end('ok'))
const home = mkdtempSync(join(tmpdir(), 'look-'))
beforeAll(() => new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve)))
afterAll(() => {
  server.close()
  server.closeAllConnections()
  rmSync(home, { recursive: true })
})

function environment(said: Partial<Environment> = {}): Environment {
  const at = environmentAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, said)
  // With half of the probes allowed to fail, a few are enough.
  return { ...at, gate: { ...at.gate, paths: ['/health'], errorRate: 0.5, forMs: 500 } }
}

const lookWith = (ports: TargetPorts, said: Record<string, string> = {}, at = environment()) =>
  look(
    at,
    parseInputs(healthGateFields, key => ({ environment: 'staging', ...said })[key] ?? ''),
    ports,
  )

const workload = {
  kind: 'kubernetes',
  namespace: 'api',
  manifests: 'k8s',
  workload: 'deployment/api',
} as const

/** What a schedule's runner has: no kubeconfig anywhere. */
async function lookFromRunner(said: Record<string, string> = {}) {
  const at = environment({ target: workload })
  const machine = { log: silent, secrets: createSecrets(), env: { HOME: home }, pid: 1 }
  const ports = createPorts(
    { ...machine, signal: new AbortController().signal },
    at,
    said['kubeconfig'] ?? '',
  )
  const outcome = await lookWith(ports, said, at)
  await ports.close()
  return outcome
}

test('does without a cluster that this machine has no way to, and says so', async () => {
  const outcome = await lookFromRunner()
  expect(outcome).toMatchObject({ step: 'health-check', status: 'success', outputs: { verdict: 'pass' } })
  expect(outcome.evidence.at(-1)).toMatchObject({
    subject: 'workload',
    finding: expect.stringContaining('not looked at: kubeconfig is missing'),
    tone: 'note',
  })
})

test('refuses a kubeconfig that was given and is of no use', async () => {
  expect(await lookFromRunner({ kubeconfig: join(home, 'none') })).toMatchObject({ reason: 'input-invalid' })
})

const targetWith = (vitals: () => Vitals[]) =>
  realPorts({
    openTarget: () => {
      const target: Pick<Target, 'place' | 'vitals' | 'leaving'> = {
        place: 'the engine of this machine',
        vitals: () => Promise.resolve(vitals()),
        leaving: () => Promise.resolve({ instances: [], graceMs: 0 }),
      }
      return Promise.resolve(target as Target)
    },
  })

test('does without an engine on which nothing of the service runs', async () => {
  const outcome = await lookWith(targetWith(() => []))
  expect(outcome.status).toBe('success')
  expect(outcome.evidence.at(-1)?.finding).toBe('not looked at: no instance is at the engine of this machine')
})

test('sees the instances where they can be asked', async () => {
  let restarts = 0
  const again = () => ({
    instance: 'container api',
    ready: true,
    restarts: restarts++,
    lastEnd: 'exit code 1',
    outOfMemory: false,
  })
  const outcome = await lookWith(targetWith(() => [again()]))
  expect(outcome).toMatchObject({ status: 'failure', reason: 'gate-failed' })
  expect(outcome.summary).toContain('container api was restarted: exit code 1')
})
