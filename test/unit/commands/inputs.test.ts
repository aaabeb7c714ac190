import { describe, expect, test } from '@jest/globals'
import {
  choice,
  duration,
  flag,
  list,
  parseInputs,
  path,
  text,
  whole,
} from '../../../shared/commands/step/inputs.ts'

const fields = {
  environment: text('', 'a name', { required: true }),
  config: path('', 'a path', { default: 'runbook.yml' }),
  timeout: duration('', { default: '10m' }),
  requests: whole('', 1, 100),
  verify: choice('', ['restore', 'list'], { default: 'restore' }),
  skip: list('', ['image', 'redis']),
  settle: flag('', { default: 'false' }),
}
const read = (given: Record<string, string>) => parseInputs(fields, name => given[name] ?? '')

describe('inputs', () => {
  test('are read with their defaults', () => {
    expect(read({ environment: 'production', skip: 'image, redis' })).toEqual({
      environment: 'production',
      config: 'runbook.yml',
      timeout: 600_000,
      requests: undefined,
      verify: 'restore',
      skip: ['image', 'redis'],
      settle: false,
    })
  })

  test.each([
    [{}, 'environment is missing; accepted: a name'],
    [{ environment: '-rf' }, 'environment is "-rf"; accepted: a name, not starting with a dash'],
    [{ environment: 'a\nb' }, 'environment is "a\\nb"; accepted: a name, on one line'],
    [
      { environment: 'x', config: '../../etc/passwd' },
      'config is "../../etc/passwd"; accepted: a path, without ..',
    ],
    [{ environment: 'x', timeout: '10' }, 'timeout is "10"; accepted: a duration like'],
    [{ environment: 'x', requests: '1e9' }, 'requests is "1e9"; accepted: a whole number from 1 to 100'],
    [{ environment: 'x', verify: 'maybe' }, 'verify is "maybe"; accepted: restore, list'],
    [{ environment: 'x', skip: 'image everything' }, 'skip is "everything"; accepted: image, redis'],
    [{ environment: 'x', settle: 'yes' }, 'settle is "yes"; accepted: true or false'],
  ])('%j is refused', (given, message) => {
    expect(() => read(given)).toThrow(message)
  })

  test('never let a value forge a runner command in an error', () => {
    expect(() => read({ environment: 'x\n::set-env name=X::y' })).toThrow(/^(?!.*::set-env)/s)
  })
})
