import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { renderMarkdown } from '../../../shared/report/markdown.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { settle, settleFields } from '../../../shared/commands/recover/settle.ts'
import { unlock, unlockFields } from '../../../shared/commands/operate/unlock.ts'
import { enterRoom, type Room } from '../kubernetes/cluster.ts'
import { deployment, service } from '../kubernetes/manifests.ts'
import { openStage, type Stage } from './stage.ts'

let room: Room
let stage: Stage
let url: string
const cause = 'relation "ordersx" does not exist'
const password = 'pa55word-of-the-database'

/** Writes why it does not work into its log. */
const faulty = (more: string) => `echo 'GET / 500: ${cause}'; echo "password is $PASSWORD"; ${more}`
const secret = `          env: [{ name: PASSWORD, value: ${password} }]\n`
const serves = 'exec httpd -f -p 3000 -h /www'
const initContainer = `        - name: migrate
          image: e2e-probe
          command: [sh, -c, 'echo migrated to 42']
`
const good = { 'app.yaml': deployment({ container: secret }), 'service.yaml': service }

beforeAll(async () => {
  room = enterRoom('failed-release')
  stage = openStage(room)
  await stage.run({ manifests: good }).release('v1.0.0')
  url = `http://${room.kubectl('get', 'service', 'probe', '-o', 'jsonpath={.spec.clusterIP}')}`
})
afterAll(async () => {
  await stage.leave()
  await room.leave()
})

/** What a report shows of a log, by the release and container that wrote it. */
function logOf(outcome: Outcome, release: string, container: string): string {
  return outcome.evidence
    .filter(({ subject }) => subject.startsWith(`${release}: log of container ${container} of pod`))
    .map(({ detail = '' }) => detail)
    .join('\n')
}

test('a rollback reports the logs of every instance of the release that it removes, init containers too, without secrets', async () => {
  const app = deployment({
    replicas: 2,
    script: faulty(serves),
    container: secret,
    initContainers: initContainer,
  })
  const run = stage.run({ manifests: { ...good, 'app.yaml': app }, url })
  expect(await run.deploy('v1.1.0')).toMatchObject({ status: 'success' })
  const outcome = await run.rollback({ to: 'last-good' })
  expect(outcome).toMatchObject({ status: 'success', reason: 'restored', serving: 'v1.0.0' })
  const logs = logOf(outcome, 'v1.1.0 (r2)', 'app')
  expect(logs.split(cause)).toHaveLength(3)
  expect(logs).toContain('password is ***')
  expect(logOf(outcome, 'v1.1.0 (r2)', 'migrate')).toContain('migrated to 42')
  expect(
    outcome.evidence.find(({ subject }) => subject === 'v1.1.0 (r2): pods of Deployment probe'),
  ).toMatchObject({
    finding: '2 of 2 ready',
  })
  expect(renderMarkdown(outcome)).toContain('ordersx')
  expect(JSON.stringify([outcome, run.logged])).not.toContain(password)
})

test('the run before a restart is among them', async () => {
  const script = faulty(`[ -e /v/seen ] && ${serves}; touch /v/seen; echo first run; exit 3`)
  const scratch = `          volumeMounts: [{ name: v, mountPath: /v }]\n`
  const app = deployment({
    script,
    container: secret + scratch,
    pod: '      volumes: [{ name: v, emptyDir: {} }]\n',
  })
  const run = stage.run({ manifests: { ...good, 'app.yaml': app }, url })
  expect(await run.deploy('v1.2.0')).toMatchObject({ status: 'success' })
  const outcome = await run.rollback({ to: 'last-good' })
  const before = outcome.evidence.find(({ subject }) => subject.endsWith(', the run before'))
  expect(before).toMatchObject({
    subject: expect.stringContaining('v1.2.0'),
    detail: expect.stringContaining('first run'),
  })
  expect(
    outcome.evidence.find(({ subject }) => subject.startsWith('v1.2.0 (r3): pods of'))?.detail,
  ).toContain('exit code 3')
})

test('settle reports them for a release whose run vanished before its gate', async () => {
  const run = stage.run({
    manifests: { ...good, 'app.yaml': deployment({ script: faulty('exit 7'), container: secret }) },
    url,
  })
  expect(await run.deploy('v1.3.0')).toMatchObject({ reason: 'rollout-doomed' })
  const read = (name: string) =>
    name === 'environment' ? 'production' : name === 'because' ? 'its run is dead' : ''
  const other = stage.run({ manifests: good, url })
  await unlock(other.environment, parseInputs(unlockFields, read), other.ports)
  const outcome = await settle(other.environment, parseInputs(settleFields, read), other.ports)
  expect(outcome).toMatchObject({ reason: 'restored', serving: 'v1.0.0' })
  expect(logOf(outcome, 'v1.3.0 (r4)', 'app')).toContain(cause)
})
