import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { find, unsettled } from '../../../shared/release/ledger.ts'
import { killAll, processesWith } from '../../caller/processes.ts'
import { runWorkflow, type RunResult, type Trigger } from '../../caller/run.ts'
import { makeService, type Service } from '../../caller/service.ts'
import { makeStage, type Stage } from '../../caller/stage.ts'
import { readState } from '../../caller/state.ts'
import { readLab, type Lab } from '../../lab/lab.ts'
import { placesOf } from '../../lab/places.ts'
import { startSshServer, type SshServer } from '../docker/sshd.ts'

// A service repository that knows this suite only as `org/runbook-actions/...@v1`, on a real runner, with the assembled
// tree, in staging by SSH with a key of its own, and in production with no more rights than deployment/k8s/access gives.

jest.setTimeout(600_000)

/** An action by itself, in a job of the caller's own. */
const aloneWorkflow = (image: string) => `name: alone
on: workflow_dispatch
permissions: {}
jobs:
  alone:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - run: printf '%s\\n' "$CONTENT" > deployment/config/.env.production
        env:
          CONTENT: \${{ secrets.PRODUCTION_ENV_FILE }}
      - uses: org/runbook-actions/deploy@v1
        with:
          environment: production
          version: v1.2.0
          image: ${image}:v1.0.0
          kubeconfig: \${{ secrets.PRODUCTION_KUBECONFIG }}
`

const tree = join(import.meta.dirname, '../../../build/tree')
const folder = mkdtempSync(join(tmpdir(), 'pipeline-'))
let lab: Lab
let stage: Stage
let service: Service
let secrets: Record<string, string>
let stagingHost: SshServer
let runs = 0

beforeAll(async () => {
  const found = readLab(placesOf(process.env))
  if (!found) throw new Error('the lab is down; start it with: script/lab up')
  if (!existsSync(tree))
    throw new Error('the published tree is missing; make it with: script/assemble build/tree')
  lab = found
  stage = await makeStage(lab, { name: 'runbook-pipeline', number: 90 })
  service = makeService(join(folder, 'service'), stage.places)
  writeFileSync(join(service.folder, '.github/workflows/alone.yml'), aloneWorkflow(service.image))
  stagingHost = await startSshServer(join(folder, 'sshd'), lab.docker.host)
  secrets = {
    ...(await stage.secrets(service)),
    STAGING_DOCKER_HOST: stagingHost.host,
    STAGING_DOCKER_SSH_KEY: stagingHost.key,
    STAGING_DOCKER_SSH_KNOWN_HOSTS: stagingHost.knownHosts,
  }
})

afterAll(async () => {
  await stage.clear()
  await stagingHost.close()
  rmSync(folder, { recursive: true, force: true })
})

function run(trigger: Trigger): Promise<RunResult> {
  runs++
  return runWorkflow({
    lab,
    tree,
    repository: service.folder,
    folder: join(folder, String(runs)),
    id: 1_000 + runs,
    trigger,
    secrets,
    signal: new AbortController().signal,
  })
}

async function servingIn(environment: string) {
  const { ledger, live, lease } = await readState(lab, service, environment)
  const serving = find(ledger, ledger.serving)
  return {
    version: serving?.version,
    state: serving?.state,
    rest: unsettled(ledger) === undefined && ledger.restoring === null && lease === null,
    live: live.version,
    ready: live.ready,
  }
}

const atRest = (version: string) => ({ version, state: 'good', rest: true, live: version, ready: true })
const endOf = (result: RunResult, step: string, environment: string): Outcome | undefined =>
  result.outcomes.findLast(each => each.step === step && each.environment === environment)

describe('a tag', () => {
  test('travels to staging and production, as one digest', async () => {
    service.release('v1.0.0')
    const result = await run({ event: 'push', tag: 'v1.0.0' })
    expect(result.success).toBe(true)
    expect(await servingIn('staging')).toEqual(atRest('v1.0.0'))
    expect(await servingIn('production')).toEqual(atRest('v1.0.0'))
    const digests = ['staging', 'production'].map(
      name => endOf(result, 'promote', name)?.outputs['image-digest'],
    )
    expect(digests[0]).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(digests[1]).toBe(digests[0])
    // Its address is a secret, and masked.
    const log = readFileSync(result.log, 'utf8')
    expect(log).toMatch(/is ready in container .* of Docker at /)
    // A backup before the deploy, where it was asked for; it is verified, and recorded with the release.
    const { ledger } = await readState(lab, service, 'production')
    expect(ledger.entries.at(-1)?.backup).toBeDefined()
    expect((await readState(lab, service, 'staging')).ledger.entries.at(-1)?.backup).toBeUndefined()
    // The end of the job still has the credentials of the backup store: the copy of the ledger lies there.
    expect(log).not.toContain('ledger-not-copied')
    // Nothing is left to do for the post step and the last job.
    expect(endOf(result, 'settle', 'production')).toMatchObject({ reason: 'nothing-to-settle' })
    expect(log).not.toContain('before its end')
  })

  test('whose own integration tests fail leaves staging as it was, and never reaches production', async () => {
    service.release('v1.0.1', { integration: true })
    const result = await run({ event: 'push', tag: 'v1.0.1' })
    expect(result.success).toBe(false)
    expect(await servingIn('staging')).toEqual(atRest('v1.0.0'))
    expect(await servingIn('production')).toEqual(atRest('v1.0.0'))
    expect(endOf(result, 'rollback', 'staging')).toMatchObject({ status: 'success', reason: 'restored' })
    expect(
      result.outcomes.filter(({ environment, step }) => environment === 'production' && step === 'promote'),
    ).toEqual([])
  })

  test('of a pre-release stops at staging', async () => {
    service.release('v1.1.0-rc.1')
    const result = await run({ event: 'push', tag: 'v1.1.0-rc.1' })
    expect(result.success).toBe(true)
    expect(await servingIn('staging')).toEqual(atRest('v1.1.0-rc.1'))
    expect(await servingIn('production')).toEqual(atRest('v1.0.0'))
  })

  test('that is ill in production comes back by itself, and the run fails and says why', async () => {
    service.release('v1.1.0', { production: { FAULT_CRASH_AFTER: '500ms' } })
    const result = await run({ event: 'push', tag: 'v1.1.0' })
    expect(result.success).toBe(false)
    expect(await servingIn('staging')).toEqual(atRest('v1.1.0'))
    expect(await servingIn('production')).toEqual(atRest('v1.0.0'))
    expect(endOf(result, 'promote', 'production')).toMatchObject({
      status: 'failure',
      reason: 'rollout-doomed',
      outputs: { verdict: 'healthy', 'restored-release-id': 'r1' },
    })
  })

  test('that is no version is refused before anything runs', async () => {
    service.release('v2')
    const result = await run({ event: 'push', tag: 'v2' })
    expect(result.success).toBe(false)
    expect(result.outcomes).toEqual([
      expect.objectContaining({ step: 'check-inputs', reason: 'input-invalid', outputs: {} }),
    ])
  })
})

/** Kills the programs of the job `promote` of production while its release is unfinished. @returns how the run ended */
async function runAndKill(tag: string, programs: RegExp): Promise<{ result: RunResult; killed: number }> {
  const mark = `${process.pid}-${1_001 + runs}`
  const over = new AbortController()
  const running = run({ event: 'push', tag }).finally(() => over.abort())
  const killed = new Set<number>()
  while (!over.signal.aborted) {
    const { ledger } = await readState(lab, service, 'production')
    if (!unsettled(ledger) && !ledger.restoring) continue
    const working = processesWith('RUNBOOK_CALLER_RUN', mark).filter(id => isStepOf('promote', id, programs))
    killAll(working)
    for (const id of working) killed.add(id)
  }
  return { result: await running, killed: killed.size }
}

function isStepOf(job: string, id: number, programs: RegExp): boolean {
  try {
    const [line, variables] = ['cmdline', 'environ'].map(file => readFileSync(`/proc/${id}/${file}`, 'utf8'))
    return programs.test(line ?? '') && (variables ?? '').split('\0').includes(`GITHUB_JOB=${job}`)
  } catch {
    return false
  }
}

test('a promotion whose process is killed is brought to rest by its post step, which has its credentials', async () => {
  const before = (await servingIn('production')).version
  service.release('v1.1.1')
  const { result, killed } = await runAndKill('v1.1.1', /dist\/index\.js/)
  expect(killed).toBe(1)
  expect(result.success).toBe(false)
  expect(readFileSync(result.log, 'utf8')).toContain('was killed before its end')
  expect(endOf(result, 'settle', 'production')).toMatchObject({ reason: 'nothing-to-settle' })
  expect(await servingIn('production')).toEqual(atRest(String(before)))
})

test('a release whose job dies in the middle, with its post step, is undone by the recovery workflow', async () => {
  const before = (await servingIn('production')).version
  service.release('v1.1.2')
  // Whatever of the first job still works: the promotion, and then its post step.
  const { result, killed } = await runAndKill('v1.1.2', /dist\/(index|post)\.js/)
  expect(killed).toBeGreaterThan(1)
  expect(result.success).toBe(false)
  // GitHub would run the last job; act ends a run whose post step is killed.
  const recovery = await run({ event: 'workflow_dispatch', workflow: 'recover.yml', inputs: {} })
  expect(endOf(recovery, 'settle', 'production')).toMatchObject({ reason: 'restored' })
  // Nothing else tells that a release was lost.
  expect(recovery.success).toBe(false)
  expect(await servingIn('production')).toEqual(atRest(String(before)))
})

test('an action works by itself, from the caller’s own workflow and the assembled tree alone', async () => {
  const result = await run({ event: 'workflow_dispatch', workflow: 'alone.yml', inputs: {} })
  expect(result.success).toBe(true)
  expect(result.outcomes.map(({ step, reason }) => [step, reason])).toEqual([['deploy', 'done']])
  // The post step recorded it: good, though no gate of this job has seen it.
  expect(readFileSync(result.log, 'utf8')).toContain('is recorded good (ungated')
  expect(await servingIn('production')).toEqual(atRest('v1.2.0'))
})

test('no secret is in any log or report', () => {
  const values = Object.values(secrets).flatMap(text =>
    text.split('\n').map(line => line.split('=').slice(1).join('=')),
  )
  const key = stagingHost.key.split('\n').filter(line => line !== '' && !line.startsWith('-----'))
  const secret = [...values.filter(value => /^(postgres:|SG\.|[0-9a-f]{40,})/.test(value)), ...key]
  expect(secret.length).toBeGreaterThan(3)
  for (let number = 1; number <= runs; number++) {
    const log = readFileSync(join(folder, String(number), 'log.txt'), 'utf8')
    for (const value of secret) expect(log.includes(value)).toBe(false)
  }
})
