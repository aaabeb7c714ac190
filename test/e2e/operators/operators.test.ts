import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { randomBytes } from 'node:crypto'
import { OnHoldError } from '../../../shared/outcome/errors.ts'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { beginRestore, type Ledger } from '../../../shared/release/ledger.ts'
import { history, historyFields } from '../../../shared/commands/inspect/history.ts'
import { hold, holdFields } from '../../../shared/commands/operate/hold.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { createPorts } from '../../../shared/commands/step/machine.ts'
import { preDeployCheck, preDeployCheckFields } from '../../../shared/commands/check/pre-deploy-check.ts'
import { resume, resumeFields } from '../../../shared/commands/operate/resume.ts'
import { settle, settleFields } from '../../../shared/commands/recover/settle.ts'
import { status, statusFields } from '../../../shared/commands/inspect/status.ts'
import { unlock, unlockFields } from '../../../shared/commands/operate/unlock.ts'
import { enterRoom, type Room } from '../kubernetes/cluster.ts'
import { configMap, deployment } from '../kubernetes/manifests.ts'
import { run as runNamed, takeFree, recordGood, release } from '../environment-lock.ts'
import { openStage, type Run, type Stage } from '../rollback/stage.ts'

// What people do by hand, on a real cluster: status, history, hold, resume, unlock and settle.

let room: Room
let stage: Stage
beforeAll(() => {
  room = enterRoom('operators')
  stage = openStage(room)
})
afterAll(async () => {
  await stage.leave()
  await room.leave()
})

const manifests = (greeting: string) => ({
  'config.yaml': configMap({ GREETING: greeting }),
  'deployment.yaml': deployment({}),
})
const said = (words: Record<string, string>) => (name: string) =>
  words[name] ?? (name === 'environment' ? 'production' : '')
const because = said({ because: 'moving the database' })

const do_ = {
  hold: ({ environment, ports }: Run) => hold(environment, parseInputs(holdFields, because), ports),
  resume: ({ environment, ports }: Run) => resume(environment, parseInputs(resumeFields, because), ports),
  unlock: ({ environment, ports }: Run) => unlock(environment, parseInputs(unlockFields, because), ports),
  settle: ({ environment, ports }: Run) => settle(environment, parseInputs(settleFields, said({})), ports),
  check: ({ environment, ports }: Run) =>
    preDeployCheck(environment, parseInputs(preDeployCheckFields, said({ checks: 'hold' })), ports),
  status: ({ environment, ports }: Run) => status(environment, parseInputs(statusFields, said({})), ports),
}
const person = () => stage.run({ manifests: manifests('by hand') })
const leaseVersion = () =>
  room.kubectl('get', 'lease', 'runbook-probe', '-o', 'jsonpath={.metadata.resourceVersion}')
const lines = ({ evidence }: Outcome) => evidence.map(({ subject, finding }) => `${subject}: ${finding}`)

describe('an operator', () => {
  test('holds an environment while a run works on it: the run stops, and nothing touches it until resume', async () => {
    await stage.run({ manifests: manifests('good') }).release('v1.0.0')
    const working = stage.run({ manifests: manifests('new') })
    const target = await working.ports.openTarget()
    const lock = await takeFree(target, runNamed('working'))
    const { id } = await release(target, lock, 'v1.1.0', room.image)

    const held = await do_.hold(person())

    expect(held).toMatchObject({ status: 'success', reason: 'done' })
    expect(held.summary).toContain('run working of org/probe was stopped')
    const payload = await target.render({ version: 'v1.1.0', image: room.image, config: {} })
    await expect(lock.apply(id, payload)).rejects.toThrow(OnHoldError)
    await expect(lock.renew(60_000)).rejects.toThrow('moving the database')
    const before = leaseVersion()
    for (const refused of [
      await stage.run({ manifests: manifests('newer') }).deploy('v1.2.0'),
      await person().rollback({ to: 'v1.0.0' }),
      await person().rollback({ to: 'last-good' }),
    ]) {
      expect(refused).toMatchObject({ status: 'failure', reason: 'held' })
      expect(refused.next).toContain('runbook resume production')
    }
    expect(await do_.settle(person())).toMatchObject({ status: 'skipped', reason: 'held' })
    expect(await do_.check(person())).toMatchObject({
      reason: 'checks-failed',
      summary: expect.stringMatching(/hold\. on hold by .*: moving the database/),
      next: expect.stringContaining('runbook resume production'),
    })
    expect(leaseVersion()).toBe(before)
    const onHold = await do_.status(person())
    expect(lines(onHold).join('\n')).toMatch(/hold: .*moving the database[^]*unfinished: v1\.1\.0/)
    expect(onHold.outputs).toMatchObject({
      'release-id': 'r1',
      version: 'v1.0.0',
      hold: expect.stringContaining('moving the database'),
      unfinished: expect.stringContaining('v1.1.0'),
    })

    expect(await do_.resume(person())).toMatchObject({ status: 'success', reason: 'done' })
    expect(await do_.check(person())).toMatchObject({ status: 'success' })
    const settled = await do_.settle(person())
    expect(settled).toMatchObject({ reason: 'restored-unverified', serving: 'v1.0.0' })
  })

  test('settles twice: the second time nothing is written, not even the lease', async () => {
    const before = leaseVersion()
    expect(await do_.settle(person())).toMatchObject({ status: 'success', reason: 'nothing-to-settle' })
    expect(leaseVersion()).toBe(before)
  })

  test('takes a stuck lease away, and is told who held it', async () => {
    const stuck = await person().ports.openTarget()
    const lock = await takeFree(stuck, runNamed('stuck'))

    const unlocked = await do_.unlock(person())

    expect(unlocked.summary).toContain('run stuck of org/probe')
    await expect(lock.renew(60_000)).rejects.toThrow('changes nothing more')
    expect((await stuck.read()).lease).toBeNull()
    expect((await do_.unlock(person())).summary).toContain('No run holds the environment')
  })

  test('reads in the history what was released and what was done by hand', async () => {
    const { environment, ports } = person()
    const told = await history(environment, parseInputs(historyFields, said({})), ports)
    const text = lines(told).join('\n')
    expect(text).toMatch(/^unlock: .*ended the lease of run stuck of org\/probe/)
    expect(text).toMatch(/rollback: r2 to r1, unverified, recovery of a run that did not end, by ada/)
    expect(text).toMatch(/resume: [^]*hold: .*ended the lease of run working of org\/probe/)
    expect(text).toMatch(/r2 v1\.1\.0: bad[^]*r1 v1\.0\.0: good, serves/)
    expect((JSON.parse(String(told.outputs['ledger'])) as Ledger).acts).toHaveLength(4)
  })

  test('is told what was changed with kubectl: object, field and who; and it is left alone', async () => {
    expect(lines(await do_.status(person()))).toEqual([
      expect.stringMatching(
        /^v1\.0\.0 \(r1\): receives traffic since .*, by the recovery of a run that did not end/,
      ),
    ])
    room.kubectl('set', 'env', 'deployment/probe', 'DEBUG=all')
    room.kubectl('patch', 'configmap', 'probe-config', '-p', '{"data":{"GREETING":"mine"}}')
    room.kubectl('rollout', 'status', 'deployment/probe', '--timeout=60s')

    const drifted = await do_.status(person())

    expect(drifted.summary).toContain('not as it was released')
    expect(drifted.outputs).toMatchObject({ drifted: 'true', hold: '', unfinished: '', 'lease-holder': '' })
    const text = lines(drifted).join('\n')
    expect(text).toMatch(/Deployment .*\/probe: .*env was added, by kubectl-set/)
    expect(text).toMatch(
      /ConfigMap .*\/probe-config: data\.GREETING is mine, recorded as good, by kubectl-patch/,
    )
    expect(room.kubectl('get', 'configmap', 'probe-config', '-o', 'jsonpath={.data.GREETING}')).toBe('mine')
  })
})

test('a lock that a run left on another machine is taken away by the rollback itself, which the history has', async () => {
  const holding = await person().ports.openTarget()
  const lock = await takeFree(holding, runNamed('vanished'))

  const refused = await person().rollback({ timeout: '1s' })
  expect(refused).toMatchObject({ status: 'failure', reason: 'lease-held', serving: 'v1.0.0' })
  expect(refused.next).toMatch(
    /dead or stuck.*runbook rollback production --unlock.*runbook unlock production/,
  )
  const seen = await do_.status(person())
  expect(lines(seen).join('\n')).toContain('lock: run vanished of org/probe')

  const rolled = await person().rollback({ to: 'r1', unlock: 'true', because: 'its runner is gone' })

  expect(rolled).toMatchObject({ serving: 'v1.0.0', reason: 'restored-unverified' })
  await expect(lock.renew(60_000)).rejects.toThrow('changes nothing more')
  const { acts } = (await holding.read()).ledger
  expect(acts.slice(-2)).toMatchObject([
    { kind: 'unlock', because: 'its runner is gone', ended: 'run vanished of org/probe' },
    { kind: 'rollback', trigger: 'operator', to: 'r1', verdict: 'unverified' },
  ])
})

test('status names what receives traffic, also where the ledger says otherwise, and says so first', async () => {
  await stage.run({ manifests: manifests('good') }).release('v1.2.0')
  const agreed = await do_.status(person())
  expect(agreed.outputs).toMatchObject({
    ...{
      'live-version': 'v1.2.0',
      'live-act': 'deploy',
      'live-by': 'ada',
      verified: 'false',
      differs: 'false',
    },
  })
  // The faulty release is live, and the restore of the good one never came to touch it.
  const target = await stage.run({ manifests: manifests('new') }).ports.openTarget()
  const failing = await takeFree(target, runNamed('failing'))
  const { id } = await release(target, failing, 'v1.3.0', room.image)
  const back = failing.ledger.serving ?? 'r0'
  await failing.update(ledger => beginRestore(ledger, back, new Date().toISOString(), 'its gate failed'))
  await failing.end()

  const told = await do_.status(person())

  expect(told.summary).toContain(
    `v1.3.0 (${id}) receives traffic, and the last good release, v1.2.0 (${back}), does not`,
  )
  expect(lines(told)[0]).toContain('live: v1.3.0')
  expect(told.next).toBe('To finish or undo it now: runbook settle production')
  expect(told).toMatchObject({
    serving: 'v1.3.0',
    outputs: { 'live-release': id, version: 'v1.2.0', differs: 'true', verified: 'false' },
  })

  expect(await do_.settle(person())).toMatchObject({ serving: 'v1.2.0', reason: 'restored-unverified' })
  expect((await do_.status(person())).outputs).toMatchObject({
    ...{ 'live-version': 'v1.2.0', 'live-act': 'recovery', differs: 'false' },
  })
})

test('status of a namespace that does not exist fails', async () => {
  const { environment, ports } = person()
  const nowhere = {
    ...environment,
    target: { ...environment.target, namespace: 'lock-nowhere' },
  } as typeof environment
  const { secrets, log, env, signal } = ports
  const elsewhere = createPorts({ secrets, log, env, signal, pid: process.pid }, nowhere, room.lab.kubeconfig)
  const told = await status(nowhere, parseInputs(statusFields, said({})), elsewhere)
  await elsewhere.close()
  expect(told).toMatchObject({ status: 'failure', reason: 'namespace-not-found' })
})

test('services in one namespace have ledgers, leases and records of their own', async () => {
  const named = (name: string) => ({
    'deployment.yaml': deployment({ name }),
    'config.yaml': configMap({ GREETING: name }, `${name}-config`),
  })
  const [one, two] = await Promise.all(
    ['one', 'two'].map(async service => {
      const { target } = await room.open(named(service), { service })
      const lock = await takeFree(target, runNamed(service))
      const { id, rollout } = await release(target, lock, 'v1.0.0', room.image)
      expect(rollout).toMatchObject({ kind: 'ready' })
      await recordGood(lock, id)
      await lock.end()
      return target
    }),
  )
  expect((await one?.read())?.ledger).toMatchObject({ service: 'one', serving: 'r1' })
  expect((await two?.read())?.ledger).toMatchObject({ service: 'two', serving: 'r1' })
  expect((await one?.recall('r1'))?.objects.join()).not.toContain('two')
})

test('a record over 1 MiB is kept in several Secrets and comes back whole', async () => {
  // Random, so that it cannot be packed: two ConfigMaps of 900 KB each.
  const noise = () => randomBytes(450_000).toString('hex')
  const big = {
    'deployment.yaml': deployment({ name: 'big' }),
    'noise-1.yaml': configMap({ NOISE: noise() }, 'noise-1'),
    'noise-2.yaml': configMap({ NOISE: noise() }, 'noise-2'),
    'noise-3.yaml': configMap({ NOISE: noise() }, 'noise-3'),
  }
  const { target } = await room.open(big, { service: 'big' })
  const lock = await takeFree(target, runNamed('big'))
  const { id, payload } = await release(target, lock, 'v2.0.0', room.image)
  const parts = room.kubectl('get', 'secrets', '-l', `runbook/release=${id}`, '-o', 'name').trim().split('\n')
  expect(parts.length).toBeGreaterThan(1)
  expect((await target.recall(id))?.body).toEqual(payload.body)
  await recordGood(lock, id)
  await lock.end()
})
