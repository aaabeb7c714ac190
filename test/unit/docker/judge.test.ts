import { describe, expect, test } from '@jest/globals'
import type { ContainerDetail } from '../../../shared/targets/docker/engine/containers.ts'
import { judge, type Observation } from '../../../shared/targets/docker/apply/judge.ts'

type State = ContainerDetail['State']

const running: State = {
  Status: 'running',
  Running: true,
  Restarting: false,
  OOMKilled: false,
  ExitCode: 0,
  Error: '',
  StartedAt: '2026-01-01T00:00:00Z',
}

function seen(state: Partial<State>, more: Partial<Observation> & { restarts?: number } = {}): Observation {
  const { restarts = 0, upMs = 100, answers } = more
  const detail: ContainerDetail = {
    Id: 'a',
    Name: '/a',
    Image: 'i',
    RestartCount: restarts,
    State: { ...running, ...state },
    Config: { Image: 'i' },
    HostConfig: {},
    NetworkSettings: { Networks: {} },
  }
  return { detail, upMs, answers }
}

const health = (Status: 'starting' | 'healthy' | 'unhealthy', output = '') => ({
  Health: { Status, Log: [{ Output: output }] },
})
const ended = { Status: 'exited', Running: false, ExitCode: 3 } as const

describe('a container that is to serve', () => {
  test.each<[string, Observation, object]>([
    ['healthy', seen(health('healthy')), { kind: 'ready' }],
    ['health not known yet', seen(health('starting'), { upMs: 60_000, answers: true }), { kind: 'waiting' }],
    ['unhealthy', seen(health('unhealthy', 'no\n503 from /ready\n')), { kind: 'doomed', class: 'unhealthy' }],
    ['no check, port answers', seen({}, { answers: true }), { kind: 'ready' }],
    ['no check, port silent', seen({}, { answers: false, upMs: 60_000 }), { kind: 'waiting' }],
    ['no check, no port, just started', seen({}), { kind: 'waiting' }],
    ['no check, no port, steady', seen({}, { upMs: 10_000 }), { kind: 'ready' }],
    ['ended', seen(ended), { kind: 'doomed', class: 'crash' }],
    [
      'ended well, which a service does not',
      seen({ ...ended, ExitCode: 0 }),
      { kind: 'doomed', class: 'crash' },
    ],
    ['out of memory', seen({ ...ended, OOMKilled: true }), { kind: 'doomed', class: 'out-of-memory' }],
    [
      'cannot be started',
      seen({ ...ended, Error: 'exec: "nod": not found' }),
      { kind: 'doomed', class: 'bad-command' },
    ],
    ['restarted once, up again', seen(health('healthy'), { restarts: 1 }), { kind: 'waiting' }],
    ['restarted once, steady', seen(health('healthy'), { restarts: 1, upMs: 10_000 }), { kind: 'ready' }],
    ['met only between starts', seen({}, { restarts: 3 }), { kind: 'waiting' }],
    [
      'met between its ends once',
      { ...seen({}, { restarts: 3 }), lastExit: 3 },
      { kind: 'doomed', class: 'crash-loop', why: 'ended with exit code 3 and was restarted 3 times' },
    ],
    [
      'never met between two runs',
      seen({}, { restarts: 6 }),
      { kind: 'doomed', class: 'crash-loop', why: 'ended and was restarted 6 times' },
    ],
    ['restarted twice', seen({ Restarting: true }, { restarts: 2 }), { kind: 'waiting' }],
    [
      'restarted three times',
      seen({ Restarting: true }, { restarts: 3 }),
      { kind: 'doomed', class: 'crash-loop' },
    ],
    ['created', seen({ Status: 'created', Running: false }), { kind: 'waiting' }],
    [
      'created, and refused its start',
      seen({ Status: 'created', Running: false, Error: 'no such file' }),
      { kind: 'doomed', class: 'bad-command' },
    ],
  ])('%s', (_name, observation, expected) => {
    expect(judge(observation, 'service')).toMatchObject(expected)
  })

  test('is said to be unhealthy in the words of its check', () => {
    expect(judge(seen(health('unhealthy', 'no\n503 from /ready\n')), 'service')).toMatchObject({
      why: 'is unhealthy: 503 from /ready',
    })
  })
})

test('a trial without a health check has shown in three seconds that it does not end at once', () => {
  expect(judge(seen({}, { upMs: 2_900 }), 'trial').kind).toBe('waiting')
  expect(judge(seen({}, { upMs: 3_000 }), 'trial').kind).toBe('ready')
})
