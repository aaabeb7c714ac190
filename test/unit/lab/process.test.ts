import { expect, test } from '@jest/globals'
import { identify, isAlive } from '../../lab/process.ts'
import { placesOf } from '../../lab/places.ts'

test('a process is itself only with its own start time and in its own boot', () => {
  const me = identify(process.pid)
  expect(isAlive(me)).toBe(true)
  expect(isAlive({ ...me, startTime: '1' })).toBe(false)
  expect(isAlive({ ...me, boot: 'another' })).toBe(false)
})

test('a process that is gone is not alive, whatever its note says', () => {
  expect(isAlive(identify(2 ** 22 + 1))).toBe(false)
})

test.each([
  [{ HOME: '/home/a' }, '/home/a/.cache/runbook-actions/lab'],
  [{ HOME: '/home/a', XDG_CACHE_HOME: '' }, '/home/a/.cache/runbook-actions/lab'],
  [{ HOME: '/home/a', XDG_CACHE_HOME: '/var/c' }, '/var/c/runbook-actions/lab'],
])('the lab of %j is in %s', (env, state) => {
  expect(placesOf(env).state).toBe(state)
})

test('two users have labs of two names', () => {
  expect(placesOf({ HOME: '/home/a' }).name).not.toBe(placesOf({ HOME: '/home/b' }).name)
})
