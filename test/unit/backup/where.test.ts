import { expect, test } from '@jest/globals'
import { resolveDatabase } from '../../../shared/backup/where.ts'
import { InputError } from '../../../shared/outcome/errors.ts'
import type { Environment } from '../../../shared/runbook/environment.ts'

const file = { DATABASE_URL: 'postgres://file:secret@kept/api' }

function resolve(
  target: object,
  { given = '', kept = file, env = {} }: { given?: string; kept?: object; env?: object },
) {
  const environment = { name: 'staging', envFile: '.env', target } as unknown as Environment
  return resolveDatabase({ environment, file: { ...kept }, env: { ...env } }, given, undefined).host
}

const own = { DATABASE_URL: 'postgres://own:secret@own/api' }

test.each(['docker', 'process'])(
  "of a %s target's service: its own env wins over the env-file, as in a release",
  kind => {
    expect(resolve({ kind, env: own }, {})).toBe('own')
    expect(resolve({ kind, env: own }, { kept: {} })).toBe('own')
    expect(resolve({ kind, env: { DATABASE_URL: '' } }, {})).toBe('kept')
    expect(resolve({ kind }, {})).toBe('kept')
  },
)

test('what is given wins over the configuration, and that over the variables of libpq', () => {
  const env = { PGHOST: 'pg' }
  expect(resolve({ kind: 'docker', env: own }, { given: 'postgres://a@given/api', env })).toBe('given')
  expect(resolve({ kind: 'kubernetes' }, { env })).toBe('kept')
  expect(resolve({ kind: 'kubernetes' }, { kept: {}, env })).toBe('pg')
})

test('an error names the place that is to be mended', () => {
  const env = { DATABASE_URL: 'mysql://own/api' }
  expect(() => resolve({ kind: 'docker', env }, {})).toThrow(
    /environments\.staging\.target\.env\.DATABASE_URL/,
  )
  expect(() => resolve({ kind: 'docker' }, { kept: env })).toThrow(/\.env DATABASE_URL/)
  expect(() => resolve({ kind: 'docker' }, { kept: {} })).toThrow(InputError)
})
