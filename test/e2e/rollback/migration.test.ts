import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { rollbackPossible } from '../../../shared/checks/release/rollback-possible.ts'
import { createContext } from '../../../shared/commands/check/check-context.ts'
import { enterRoom, type Room } from '../kubernetes/cluster.ts'
import { configMap, deployment, readsConfig, service } from '../kubernetes/manifests.ts'
import { openStage, type Run, type Stage } from './stage.ts'

let room: Room
let stage: Stage

/** A Job that the manifests mark; it reads the configuration of its own release. */
function migration(script: string, needs = ''): string {
  const says = needs === '' ? '' : `, runbook/schema-needs: ${needs}`
  return `apiVersion: batch/v1
kind: Job
metadata: { name: migrate, annotations: { runbook/migration: "true"${says} } }
spec:
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 0
      containers:
        - name: migrate
          image: e2e-probe
          command: [sh, -c, ${JSON.stringify(script)}]
          envFrom: [{ configMapRef: { name: probe-config } }, { secretRef: { name: probe-env } }]
`
}

const manifests = (colour: string, job?: string) => ({
  'app.yaml': deployment({ container: readsConfig }),
  'rest.yaml': [service, configMap({ COLOUR: colour }), ...(job === undefined ? [] : [job])].join('---\n'),
})
const token = 'tok/en+of-8192'
const run = (colour: string, job?: string, id?: string) =>
  stage.run({ manifests: manifests(colour, job), envFile: `TOKEN=${token}\n`, ...(id ? { id } : {}) })
const ledgerOf = async (of: Run) => (await (await of.ports.openTarget()).read()).ledger
const workload = () =>
  room.kubectl(
    'get',
    'deployment/probe',
    'configmap/probe-config',
    '-o',
    'jsonpath={.items[*].spec}{.items[*].data}',
  )
const jobs = () => room.kubectl('get', 'jobs', '-o', 'jsonpath={.items[*].metadata.name}')

beforeAll(async () => {
  room = enterRoom('migration')
  stage = openStage(room)
  await run('green').release('v1.0.0')
})
afterAll(async () => {
  await stage.leave()
  room.kubectl('delete', 'priorityclass', room.namespace, '--ignore-not-found')
  await room.leave()
})

test('runs before the workload with the configuration of its release and what else it needs, and shows its log', async () => {
  const job = migration('echo the colour is $COLOUR; sleep 1').replace(
    'restartPolicy: Never',
    `restartPolicy: Never\n      priorityClassName: ${room.namespace}`,
  )
  const priority = `apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: { name: ${room.namespace} }
value: 10
`
  const of = run('blue', [priority, job].join('---\n'))
  const outcome = await of.deploy('v1.1.0')
  expect(outcome).toMatchObject({ status: 'success', reason: 'done' })
  expect(of.logged.join('\n')).toContain('migrate-r2: the colour is blue')
  expect(outcome.evidence).toContainEqual(
    expect.objectContaining({ subject: `Job ${room.namespace}/migrate-r2`, detail: 'the colour is blue' }),
  )
  const ended = room.kubectl('get', 'job', 'migrate-r2', '-o', 'jsonpath={.status.completionTime}')
  const rolled = room.kubectl(
    'get',
    'pods',
    '-l',
    'app=probe',
    '--sort-by=.metadata.creationTimestamp',
    '-o',
    'jsonpath={.items[-1].metadata.creationTimestamp}',
  )
  expect(Date.parse(ended)).toBeLessThanOrEqual(Date.parse(rolled))
  expect(room.kubectl('get', 'configmap,secret', '-o', 'name')).not.toContain('-migration')
  await of.finish(outcome)
  expect((await ledgerOf(of)).entries[1]).toMatchObject({ state: 'good', migrated: [expect.any(String)] })
})

test('that fails refuses the release: nothing of the workload is touched, and its log is masked', async () => {
  const before = workload()
  const of = run('red', migration('echo token $TOKEN; echo -n $TOKEN | busybox base64; exit 3'))
  const outcome = await of.deploy('v1.2.0')
  expect(outcome).toMatchObject({ status: 'failure', reason: 'migration-failed', serving: 'v1.1.0' })
  expect(outcome.summary).toContain('v1.1.0 (r2) serves as before')
  expect(outcome.outputs['changed']).toBe('false')
  const said = JSON.stringify([outcome, of.logged])
  expect(said).toContain('token ***')
  for (const form of [token, Buffer.from(token).toString('base64')]) expect(said).not.toContain(form)
  expect(workload()).toBe(before)
  const ledger = await ledgerOf(of)
  expect(ledger).toMatchObject({ serving: 'r2', restoring: null })
  expect(ledger.entries[2]).toMatchObject({ id: 'r3', state: 'bad' })
  expect(await of.rollback({ to: 'last-good' })).toMatchObject({
    status: 'success',
    reason: 'nothing-to-settle',
  })
})

test('a release whose schema the serving one cannot live with is refused up front, by the check and the dry run too', async () => {
  const of = run('red', migration('echo never', 'v1.2.0'))
  const outcome = await of.deploy('v1.3.0')
  expect(outcome).toMatchObject({ status: 'failure', reason: 'schema-too-new', serving: 'v1.1.0' })
  expect(outcome.summary).toContain('needs v1.2.0 or newer, and v1.1.0 (r2) serves')
  expect(await of.deploy('v1.3.0', { 'dry-run': 'true' })).toMatchObject({
    reason: 'schema-too-new',
    summary: outcome.summary,
  })
  expect(await ledgerOf(of)).not.toHaveProperty('floor')
  const context = createContext(
    of.environment,
    { version: 'v1.3.0', image: room.image, 'force-conflicts': false },
    of.ports,
  )
  expect(await rollbackPossible.run(context)).toMatchObject({
    result: 'fail',
    finding: expect.stringContaining('v1.2.0'),
  })
})

test('no rollback goes past what the schema needs, unless an operator confirms that the database was restored', async () => {
  const of = run('red', migration('echo contract', 'v1.1.0'))
  await of.release('v1.4.0')
  expect((await ledgerOf(of)).floor).toEqual({ version: 'v1.1.0', since: 'r4' })
  const refused = await run('red').rollback({ to: 'v1.0.0' })
  expect(refused).toMatchObject({ status: 'failure', reason: 'schema-too-new', serving: 'v1.4.0' })
  expect(refused.next).toMatch(/Go back to r2 \(v1\.1\.0\).*confirm: v1\.0\.0/)
  expect(await run('red').rollback({ to: 'v1.0.0', confirm: 'yes' })).toMatchObject({
    reason: 'input-invalid',
  })
  const forced = await run('red').rollback({ to: 'v1.0.0', confirm: 'v1.0.0' })
  expect(forced).toMatchObject({ reason: 'restored-unverified', serving: 'v1.0.0' })
  expect((await ledgerOf(of)).floor).toEqual({ version: 'v1.0.0', since: 'r1' })
})

test('killed in the middle it is left to end: settle brings the old release back, a retry does not run it again', async () => {
  const job = migration('echo slow; sleep 8')
  const of = run('yellow', job, 'killed')
  await startAndKill(of, 'v1.5.0', () => jobs().includes('migrate-r5'))
  const settled = await run('yellow', job, 'killed').rollback({ settle: 'true' })
  expect(settled).toMatchObject({ reason: 'restored-unverified', serving: 'v1.0.0' })
  expect(room.kubectl('get', 'job', 'migrate-r5', '-o', 'jsonpath={.status.active}')).toBe('1')

  const again = run('yellow', job)
  const outcome = await again.deploy('v1.5.0')
  expect(outcome).toMatchObject({ status: 'success', reason: 'done' })
  const logged = again.logged.join('\n')
  expect(logged).toContain('migrate-r5 of an earlier release is still running')
  expect(logged).toContain('has run to its end in an earlier attempt')
  expect(jobs()).not.toContain('migrate-r6')
  await again.finish(outcome)
  expect(await ledgerOf(again)).toMatchObject({ serving: 'r6' })
})

/** The command in a process of its own, killed as a runner is that loses its power. */
async function startAndKill(of: Run, version: string, until: () => boolean): Promise<void> {
  const { root, target } = of.environment
  if (target.kind !== 'kubernetes') throw new Error('not on kubernetes')
  mkdirSync(join(root, 'deployment'))
  const environments = { production: { target, url: 'http://127.0.0.1:1', 'env-file': '.env' } }
  writeFileSync(join(root, 'deployment/runbook.yml'), JSON.stringify({ service: 'probe', environments }))
  const command = join(import.meta.dirname, '../../../cli/run.ts')
  const words = ['deploy', 'production', version, '--image', room.image, '--kubeconfig', room.lab.kubeconfig]
  const child = spawn(process.execPath, ['--no-warnings', command, ...words], {
    cwd: root,
    env: { ...of.ports.env, HOME: root },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(child, 'exit')
  const said: string[] = []
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  while (!until()) {
    if (child.exitCode !== null) throw new Error(`it ended before it could be killed: ${said.join('')}`)
    await new Promise(resolve => setImmediate(resolve))
  }
  child.kill('SIGKILL')
  await ended
}
