import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { enterRoom, type Room } from './cluster.ts'
import { run, takeFree, follow } from '../environment-lock.ts'
import { quickStarts, type SlowStart } from './slow-starts.ts'
import { openStartStage, type StartStage } from './start-stage.ts'

let room: Room
let stage: StartStage
beforeAll(async () => {
  room = enterRoom('starts')
  stage = await openStartStage(room)
})
afterAll(async () => {
  await stage.close()
  await room.leave()
})

/** What is said of a start in the end: `ready`, or why it is given up. */
async function verdictOn(start: SlowStart): Promise<string> {
  const { target } = await room.open(start.manifests, { service: start.name })
  const lock = await takeFree(target, run('1'))
  try {
    const payload = await target.render({ version: 'v1.0.0', image: stage.image(start), config: {} })
    const late = stage.bringLate(start)
    await lock.apply('r1', payload)
    const { rollout } = await follow(lock, 'r1', payload, 90_000)
    await late
    return rollout.kind === 'ready' ? 'ready' : `${rollout.kind}: ${rollout.cause.message}`
  } finally {
    await lock.end()
  }
}

test('a start that is slow, or stumbles once, is waited for', async () => {
  const verdicts = await Promise.all(
    quickStarts.map(async start => [start.what, await verdictOn(start)] as const),
  )
  expect(Object.fromEntries(verdicts)).toEqual(
    Object.fromEntries(quickStarts.map(({ what }) => [what, 'ready'])),
  )
})
