import { expect, test } from '@jest/globals'
import { requireEngine } from '../../../shared/commands/check/require-engine.ts'

const docker = { kind: 'docker' as const, container: 'api' }
const hosted = { RUNNER_ENVIRONMENT: 'github-hosted' }
const require = (target: object, env: Record<string, string>) => () =>
  requireEngine({ name: 'staging', target: target as never }, env)

test('a runner that GitHub hosts is no place for an environment', () => {
  expect(require(docker, hosted)).toThrow('DOCKER_HOST is missing')
})

test.each<[string, object, Record<string, string>]>([
  ['an engine of the job', docker, { ...hosted, DOCKER_HOST: 'ssh://deploy@staging.example.com' }],
  ['an engine of the runbook', { ...docker, host: 'tcp://staging:2376' }, hosted],
  ['a runner of its own', docker, { RUNNER_ENVIRONMENT: 'self-hosted' }],
  ['a terminal', docker, {}],
  ['another target', { kind: 'process' }, hosted],
])('%s is accepted', (_what, target, env) => {
  expect(require(target, env)).not.toThrow()
})
