import { expect, test } from '@jest/globals'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import { readContainerLog } from '../../../shared/targets/kubernetes/inspect/container-log.ts'
import type { Place } from '../../../shared/targets/kubernetes/state/place.ts'
import type { ContainerStatus } from '../../../shared/targets/kubernetes/rollout/pods.ts'

/** Reads the log of a container whose runs have these logs, one after the other each time that they are asked for. */
async function read(status: Partial<ContainerStatus>, logs: { current?: string[]; previous?: string[] }) {
  let now = 0
  const asked = { current: 0, previous: 0 }
  const secrets = createSecrets()
  secrets.add('hunter2-hunter2')
  const place = {
    namespace: 'n',
    client: {
      text: (_path: string, query: Record<string, string>) => {
        const run = query['previous'] === 'true' ? 'previous' : 'current'
        const answers = logs[run] ?? []
        return Promise.resolve(answers[Math.min(asked[run]++, answers.length - 1)])
      },
    },
    adapters: {
      secrets,
      signal: new AbortController().signal,
      clock: {
        elapsed: () => now,
        // A bound that is never reached, and the pause between two questions.
        sleep: (ms: number) =>
          ms > 1_000 ? new Promise<void>(() => undefined) : Promise.resolve(void (now += ms)),
      },
    },
  } as unknown as Place
  const pod = { metadata: { name: 'api-1', uid: 'u' } }
  const found = await readContainerLog(
    place,
    pod,
    { name: 'app', ready: false, restartCount: 0, ...status },
    { lines: 40, bytes: 1_000 },
  )
  return { found, elapsed: now }
}

const ended = { terminated: { exitCode: 1, reason: 'Error' } }
const subject = 'log of container app of pod api-1'

test('a log that the kubelet has not written yet is asked for again', async () => {
  const { found, elapsed } = await read({ state: ended }, { current: ['', '', 'no such table\n'] })
  expect(found).toEqual([{ subject, finding: 'the last lines:', tone: 'note', detail: 'no such table' }])
  expect(elapsed).toBe(400)
})

test('a container that wrote nothing is believed after two seconds, at once while it runs', async () => {
  const silent = [{ subject, finding: 'it wrote nothing', tone: 'note' }]
  expect(await read({ state: ended }, { current: [''] })).toEqual({ found: silent, elapsed: 2_000 })
  expect(await read({ state: { running: {} } }, { current: [''] })).toEqual({ found: silent, elapsed: 0 })
})

test('both runs of a container that was restarted are read, the one that ended first', async () => {
  const { found } = await read(
    { state: { running: {} }, lastState: ended, restartCount: 1 },
    { previous: ['fatal: hunter2-hunter2'], current: ['starting'] },
  )
  expect(found).toMatchObject([
    { subject: `${subject}, the run before`, detail: 'fatal: ***' },
    { subject, detail: 'starting' },
  ])
})

test('a program that could not be started has no log', async () => {
  const { found } = await read({ state: { terminated: { exitCode: 128, reason: 'StartError' } } }, {})
  expect(found).toEqual([])
})
