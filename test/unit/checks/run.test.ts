import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { fail, pass, type Check } from '../../../shared/checks/check.ts'
import { runChecks } from '../../../shared/checks/run.ts'
import { ToolError } from '../../../shared/outcome/errors.ts'
import { contextOf } from './context.ts'

const check = (id: string, run: Check['run'], inapplicable = ''): Check => ({
  id,
  title: id,
  inapplicable: () => inapplicable,
  run,
})
const good = (id: string) => check(id, () => Promise.resolve(pass('fine')))
const never = () => new Promise<never>(() => undefined)

function run(checks: Check[], said: Parameters<typeof contextOf>[1] = {}, mostMs = 1_000) {
  const target = { kind: 'docker' as const, container: 'api', ports: ['1:1'] }
  return runChecks(checks, contextOf({ target }, said), mostMs)
}

test('all are under way before the first has ended', async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<null>()
  const waiting = check('a', async () => {
    await gate
    return pass('waited')
  })
  const opening = check('b', () => {
    open(null)
    return Promise.resolve(pass('opened'))
  })
  const reports = await run([waiting, opening])
  expect(reports.map(({ id, finding }) => [id, finding])).toEqual([
    ['a', 'waited'],
    ['b', 'opened'],
  ])
})

test('one that does not end, or heeds no signal, fails at its deadline and holds up no other', async () => {
  const reports = await run([check('stuck', never), good('other')], {}, 20)
  expect(reports).toMatchObject([{ result: 'fail', finding: 'no answer within 20 ms' }, { result: 'pass' }])
})

test('on a machine with pm2, one that does not end names pm2', async () => {
  const target = { kind: 'process' as const, app: 'api', directory: 'releases', start: 'main.js' }
  const [late] = await runChecks([check('stuck', never)], contextOf({ target }), 20)
  expect(late?.remedy).toContain('pm2 ping')
})

describe('an error is a finding', () => {
  test('a tool that fails: its message, and what to do', async () => {
    const failing = check('db', () =>
      Promise.reject(new ToolError('refused', { tool: 'PostgreSQL', hint: 'Start it.' })),
    )
    expect(await run([failing])).toMatchObject([{ result: 'fail', finding: 'refused', remedy: 'Start it.' }])
  })

  test('a bug of a check: it says so, and the others still count', async () => {
    const buggy = check('buggy', () => Promise.reject(new TypeError('x is undefined')))
    const [first, second] = await run([buggy, good('other')])
    expect(first).toMatchObject({ result: 'fail', detail: expect.stringContaining('TypeError') })
    expect(first?.finding).toContain('the check itself failed')
    expect(second?.result).toBe('pass')
  })
})

test('is skipped as asked, with the reason; or where the question does not arise', async () => {
  const reports = await run([check('redis', never), check('image', never, 'a process has no image')], {
    skipped: [{ id: 'redis', reason: 'moved on Friday' }],
  })
  expect(reports).toMatchObject([
    { result: 'skip', finding: 'left out as asked: moved on Friday' },
    { result: 'skip', finding: 'a process has no image' },
  ])
})

test('has the shorter of its own deadline and what is left of the step', async () => {
  const patient = { ...check('patient', never), deadlineMs: 60_000 }
  const hasty = { ...check('hasty', never), deadlineMs: 10 }
  expect(await run([patient, hasty], {}, 30)).toMatchObject([
    { finding: 'no answer within 30 ms' },
    { finding: 'no answer within 10 ms' },
  ])
})

test('a failure that is accepted is a warning with its reason; anything else is as it is', async () => {
  const ill = check('ill', () => Promise.resolve(fail('down', 'Start it.')))
  const accepted = ['ill', 'well'].map(id => ({ id, reason: 'incident 4711' }))
  expect(await run([ill, good('well')], { accepted })).toMatchObject([
    {
      result: 'warn',
      finding: 'failed, accepted by ada (incident 4711): down',
      remedy: 'Start it.',
      accepted: 'incident 4711',
    },
    { result: 'pass', finding: 'fine' },
  ])
})

test('a cancelled run is no finding', async () => {
  const controller = new AbortController()
  const running = run([check('stuck', never)], { signal: controller.signal })
  controller.abort(new Error('cancelled'))
  await expect(running).rejects.toThrow('cancelled')
})

test('a check that fails before it has begun leaves nothing behind that a cancelled run would trip over', async () => {
  const stray: unknown[] = []
  const hear = (error: unknown) => void stray.push(error)
  process.on('unhandledRejection', hear)
  const controller = new AbortController()
  const thrown = check('thrown', () => {
    throw new TypeError('x is undefined')
  })
  expect(await run([thrown], { signal: controller.signal })).toMatchObject([{ result: 'fail' }])
  controller.abort(new Error('cancelled'))
  await setImmediate()
  process.off('unhandledRejection', hear)
  expect(stray).toEqual([])
})
