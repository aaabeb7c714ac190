import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { renderMarkdown } from '../../../shared/report/markdown.ts'
import { renderText } from '../../../shared/report/text.ts'
import { enterRoom, type Room } from '../kubernetes/cluster.ts'
import { configMap, deployment } from '../kubernetes/manifests.ts'
import { logs, logsFields } from '../../../shared/commands/inspect/logs.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { status, statusFields } from '../../../shared/commands/inspect/status.ts'
import { openStage, type Stage } from './stage.ts'

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
})
afterAll(async () => {
  await stage.leave()
  await room.leave()
})

/** Everything that a run shows. */
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

/** Eight characters in a row of any of the values. */
function pieceOf(text: string, values: string[]): string | undefined {
  const pieces = values.flatMap(value =>
    Array.from({ length: Math.max(1, value.length - 7) }, (_, at) => value.slice(at, at + 8)),
  )
  return pieces.find(piece => text.includes(piece))
}

test('passwords in manifests, and a secret that is cut in the middle, are in nothing that is told', async () => {
  const jwt = Array.from({ length: 40 }, (_, at) => (at * 7919 + 104_729).toString(36))
    .join('')
    .slice(0, 120)
  const release = (suffix: string, script?: string) => {
    const container = `          terminationMessagePolicy: FallbackToLogsOnError
          envFrom: [{ secretRef: { name: probe-env } }, { configMapRef: { name: probe-config } }]
          env: [{ name: DATABASE_URL, value: 'postgres://app:Manif3st${suffix}@db/app' }, { name: REDIS_URL, value: 'redis://:R3disPw${suffix}@r/0' }]
`
    return stage.run({
      manifests: {
        'app.yaml': deployment({ container, ...(script === undefined ? {} : { script }) }),
        'c.yaml': configMap({ DB_PASSWORD: `C0nfig${suffix}`, COLOUR: `colour-${suffix}` }),
      },
      envFile: `${envFile}JWT_SECRET=${jwt}\n`,
    })
  }
  const values = [
    jwt,
    'Manif3stOld',
    'R3disPwOld',
    'C0nfigOld',
    'Manif3stNew',
    'R3disPwNew',
    'C0nfigNew',
    'Manif3stHand',
  ]
  const seen: string[] = []
  const see = (outcome: Parameters<typeof renderText>[0], logged: string[]) => {
    const text = shown(outcome, logged)
    expect(pieceOf(text, values)).toBeUndefined()
    seen.push(text)
    return text
  }
  await release('Old').release('v1.3.0')

  const said = 'x'.repeat(200)
  const written = release(
    'New',
    `env; echo -n "fatal: the key is not valid: $JWT_SECRET ${said}" > /dev/termination-log; exit 1`,
  )
  const plan = see(await written.deploy('v1.4.0', { 'dry-run': 'true' }), written.logged)
  expect(plan).toContain('colour-New')
  expect(plan).toContain('postgres://app:(hidden, changed)@db/app')
  const outcome = await written.deploy('v1.4.0')
  expect(outcome).toMatchObject({ status: 'failure', cause: 'crash-loop' })
  const crash = see(outcome, written.logged)
  expect(crash).toContain('it said: fatal: the key is not valid: ***')
  expect(crash).toContain('DATABASE_URL=postgres://app:***@db/app')
  const undone = see(await written.rollback({ to: 'last-good' }), written.logged)
  expect(undone).toContain('colour-Old')

  // Without a message the kubelet keeps the last 2 KiB of the log: here the end of the secret comes first.
  const logged = release('New', `echo "$JWT_SECRET"; echo -n ${'y'.repeat(1_990)}; exit 1`)
  const cut = await logged.deploy('v1.5.0')
  expect(see(cut, logged.logged)).toMatch(/it said: \*\*\*\s+yyy/)
  await logged.rollback({ to: 'last-good' })

  room.kubectl('set', 'env', 'deployment/probe', 'DATABASE_URL=postgres://app:Manif3stHand@db/app')
  room.kubectl('rollout', 'status', 'deployment/probe', '--timeout=30s')
  const read = (name: string) => (name === 'environment' ? 'production' : '')
  const looker = release('Old')
  const drift = see(
    await status(looker.environment, parseInputs(statusFields, read), looker.ports),
    looker.logged,
  )
  expect(drift).toContain('value is postgres://app:(hidden)@db/app')
  see(await logs(looker.environment, parseInputs(logsFields, read), looker.ports), looker.logged)
  expect(seen).toHaveLength(6)
})
