import { expect, test } from '@jest/globals'
import {
  resolveDatabase,
  resolveStore,
  sharesStoreKeys,
  storeVariables,
} from '../../../shared/backup/storage/where.ts'
import { InputError } from '../../../shared/outcome/errors.ts'
import type { Environment } from '../../../shared/config/environment.ts'

const file = { DATABASE_URL: 'postgres://file:secret@kept/api' }

function resolve(
  target: object,
  { given = '', kept = file, env = {} }: { given?: string; kept?: object; env?: object },
) {
  const environment = { name: 'staging', envFile: '.env', target } as unknown as Environment
  return resolveDatabase({ environment, file: { ...kept }, own: {}, env: { ...env } }, given, undefined).host
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

test('an error names the place that is to be corrected', () => {
  const env = { DATABASE_URL: 'mysql://own/api' }
  expect(() => resolve({ kind: 'docker', env }, {})).toThrow(
    /environments\.staging\.target\.env\.DATABASE_URL/,
  )
  expect(() => resolve({ kind: 'docker' }, { kept: env })).toThrow(/\.env DATABASE_URL/)
  expect(() => resolve({ kind: 'docker' }, { kept: {} })).toThrow(InputError)
})

const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }
const surroundings = (said: { file?: object; own?: object; env?: object; backup?: object }) => ({
  environment: {
    name: 'production',
    envFile: '.env',
    target: { kind: 'kubernetes' },
    backup: said.backup,
  } as unknown as Environment,
  file: { ...said.file },
  own: { ...said.own },
  env: { ...said.env },
})

test('a file for backups alone wins over what the service gets: its address, and its keys', () => {
  const own = { DATABASE_URL: 'postgres://backup:secret@direct/api', ...keys }
  const both = surroundings({ file: { ...file, AWS_ACCESS_KEY_ID: 'of the service' }, own })
  expect(resolveDatabase(both, '', undefined).host).toBe('direct')
  expect(storeVariables(both)).toMatchObject(keys)
  expect(sharesStoreKeys(both)).toBe(false)
})

test('keys of the store that every instance of the service has are known as such', () => {
  expect(sharesStoreKeys(surroundings({ file: keys }))).toBe(true)
  expect(sharesStoreKeys(surroundings({ file: keys, env: { AWS_PROFILE: 'backups' } }))).toBe(false)
  expect(sharesStoreKeys(surroundings({}))).toBe(false)
})

test('without a backup block and a destination no dump is written, least of all into the repository', () => {
  expect(() => resolveStore(surroundings({}), '')).toThrow(/production of the runbook has no backup block/)
})
