import { expect, test } from '@jest/globals'
import { readRun } from '../../../shared/host/run.ts'

const own = { pid: 7, host: 'laptop', startedAt: 36, user: 'uid 1000', execution: '', identity: undefined }

test.each([
  [{ USER: 'ada' }, 'ada'],
  [{ USER: 'root', SUDO_USER: 'ada' }, 'ada'],
  [{ LOGNAME: 'ada' }, 'ada'],
  // As in a container, or a service.
  [{}, 'uid 1000'],
])('at a terminal with %j it is %s who acts', (env, actor) => {
  expect(readRun(env, own)).toMatchObject({
    id: `${actor}@laptop/7-10`,
    job: '7-10',
    title: `${actor} on laptop`,
    actor,
  })
})

test('two jobs of one run that have the same name are told from each other', () => {
  const env = { GITHUB_ACTIONS: 'true', GITHUB_RUN_ID: '4711', GITHUB_JOB: 'promote' }
  const [one, two] = ['a', 'b'].map(execution => readRun(env, { ...own, execution }))
  expect(one?.id).toBe(two?.id)
  expect(one?.job).toBe('promote a')
  expect(two?.job).toBe('promote b')
  expect(readRun(env, own).job).toBe('promote')
})

test('on a runner it is who started the run', () => {
  const env = {
    GITHUB_ACTIONS: 'true',
    GITHUB_ACTOR: 'ada',
    GITHUB_REPOSITORY: 'org/api',
    GITHUB_RUN_ID: '4711',
  }
  expect(readRun(env, own)).toMatchObject({
    id: 'github.com/org/api/runs/4711',
    title: 'run 4711 of org/api',
    actor: 'ada',
  })
})
