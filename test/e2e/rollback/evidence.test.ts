import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { renderMarkdown } from '../../../shared/report/markdown.ts'
import { renderText } from '../../../shared/report/text.ts'
import { enterRoom, type Room } from '../kubernetes/cluster.ts'
import { configMap, deployment } from '../kubernetes/manifests.ts'
import { openStage, type Stage } from './stage.ts'

jest.setTimeout(90_000)

let room: Room
let stage: Stage
const token = 'tok/en+of-8192'
const literal = 'hunter2-hunter2'
const envFile = `TOKEN=${token}\n`

const readsSecret = `          envFrom: [{ secretRef: { name: probe-env } }]
          env: [{ name: COLOUR, value: green }, { name: DB_PASSWORD, value: first-password }]
`

beforeAll(async () => {
  room = enterRoom('evidence')
  stage = openStage(room)
  const manifests = { 'app.yaml': deployment({ container: readsSecret }), 'c.yaml': configMap({ A: '1' }) }
  await stage.run({ manifests, envFile }).release('v1.0.0')
}, 60_000)
afterAll(async () => {
  await stage.leave()
  await room.leave()
})

/** Everything that anybody gets to see of a run. */
function shown(outcome: Parameters<typeof renderText>[0], logged: string[]): string {
  return [...logged, ...renderText(outcome), renderMarkdown(outcome), JSON.stringify(outcome)].join('\n')
}

function expectNoSecret(text: string): void {
  const forms = [token, literal, 'first-password'].flatMap(value => [
    value,
    Buffer.from(value).toString('base64').replace(/=+$/, '').slice(0, -1),
    encodeURIComponent(value),
  ])
  for (const form of forms) expect(text).not.toContain(form)
}

test('a crash is told with class, container, exit code, log and difference, and no secret in any of it', async () => {
  const script = `echo plain $TOKEN; echo -n "user:$TOKEN" | busybox base64; echo -n "$TOKEN" | busybox base64; exit 7`
  const container = readsSecret.replace('green', 'red').replace('first-password', literal)
  const manifests = {
    'app.yaml': deployment({ script, container }),
    'c.yaml': configMap({ A: '2' }),
  }
  const run = stage.run({ manifests, envFile })
  const outcome = await run.deploy('v1.1.0')
  expect(outcome).toMatchObject({ status: 'failure', reason: 'rollout-doomed', cause: 'crash-loop' })
  const text = renderText(outcome).join('\n')
  expect(text).toContain('exit code 7')
  expect(text).toMatch(/plain \*\*\*\s+\S*\*\*\*\S*\s+\*\*\*/)
  const changed = outcome.evidence.find(({ subject }) => subject === 'changed since v1.0.0 (r1)')
  expect(changed?.detail).toMatch(/update ConfigMap[^]*2/)
  expect(changed?.detail).toMatch(/update Deployment[^]*red[^]*hidden, changed/)
  expectNoSecret(shown(outcome, run.logged))

  const undone = await run.rollback({ to: 'last-good' })
  expect(undone).toMatchObject({ reason: 'restored-unverified', serving: 'v1.0.0' })
  expect(undone.evidence.map(({ subject }) => subject)).toContain('what v1.1.0 (r2) had changed')
  expectNoSecret(shown(undone, run.logged))
})

test('an event that says a secret does not', async () => {
  const container = `${readsSecret}          command: [${token}]\n`
  const run = stage.run({ manifests: { 'app.yaml': deployment({ container }) }, envFile })
  const outcome = await run.deploy('v1.2.0')
  expect(outcome).toMatchObject({ status: 'failure', reason: 'rollout-doomed', cause: 'cannot-run' })
  expect(outcome.evidence.find(({ subject }) => subject === 'events')?.detail).toContain('***')
  expectNoSecret(shown(outcome, run.logged))
  await run.rollback({ to: 'last-good' })
})
