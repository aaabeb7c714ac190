import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ConfigError, loadConfig, secretsOf } from '../../src/config.js'
import { parseDuration, parseSize } from '../../src/quantities.js'

const MINIMUM = { DATABASE_URL: 'postgres://u:pw@db:5432/d', REDIS_URL: 'redis://cache:6379' }
const load = (/** @type {Record<string, string>} */ env) =>
  loadConfig({ ...MINIMUM, ...env }, { version: '9.9.9' })

/** @param {Record<string, string | undefined>} env @returns {string[]} */
function problems(env) {
  try {
    loadConfig(env, { version: '9.9.9' })
  } catch (error) {
    assert(error instanceof ConfigError)
    return error.problems
  }
  return []
}

test('two URLs are enough to start in development', () => {
  const config = load({})
  assert.equal(config.environment, 'development')
  assert.equal(config.port, 3000)
  assert.equal(config.version, '9.9.9')
  assert.equal(config.release, null)
  assert.equal(config.migrateOnStart, true)
  assert.equal(config.jwtSecretIsTemporary, true)
  assert(config.jwtSecret.length >= 64)
  assert.deepEqual(config.faults, {
    errorRate: 0,
    latency: 0,
    crashAfter: undefined,
    memoryGrowth: 0,
    databaseLostAfter: undefined,
  })
})

test('an empty variable counts as unset', () => {
  assert.equal(load({ PORT: '', LOG_LEVEL: ' ', RELEASE: '' }).port, 3000)
  assert.deepEqual(problems({ ...MINIMUM, DATABASE_URL: '' }), [
    'DATABASE_URL: is required (postgres://... or postgresql://...)',
  ])
})

test('everything wrong is told at once, a line each, with the name and what is accepted', () => {
  const lines = problems({ NODE_ENV: 'prod', PORT: '70000', LOG_LEVEL: 'loud', MIGRATE_ON_START: 'yes' })
  assert.deepEqual(lines, [
    'NODE_ENV: expected one of development, test, staging, production, got "prod"',
    'PORT: expected a whole number from 0 to 65535, got "70000"',
    'LOG_LEVEL: expected one of debug, info, warn, error, got "loud"',
    'MIGRATE_ON_START: expected one of true, false, got "yes"',
    'DATABASE_URL: is required (postgres://... or postgresql://...)',
    'REDIS_URL: is required (redis://... or rediss://...)',
  ])
})

test('a bad value of a secret is not shown', () => {
  for (const name of ['DATABASE_URL', 'REDIS_URL']) {
    const [line = ''] = problems({ ...MINIMUM, [name]: 'http://u:hunter22@db/d' })
    assert(line.startsWith(`${name}: expected a URL like`), line)
    assert(!line.includes('hunter22'), line)
    const [scheme] = MINIMUM[/** @type {keyof typeof MINIMUM} */ (name)].split(':')
    const [lone = ''] = problems({ ...MINIMUM, [name]: `${scheme}://u:50%off@db/d` })
    assert(lone.startsWith(`${name}: expected a URL like`) && !lone.includes('50'), lone)
  }
})

test('production wants a long secret of its own and no placeholders', () => {
  const production = { ...MINIMUM, NODE_ENV: 'production' }
  assert.deepEqual(problems(production), ['JWT_SECRET: is required (64 characters or more)'])
  assert.deepEqual(problems({ ...production, JWT_SECRET: 'short' }), [
    'JWT_SECRET: needs 64 characters or more, has 5 (value not shown)',
  ])
  const jwt = { JWT_SECRET: 'x'.repeat(64) }
  assert.deepEqual(problems({ ...production, ...jwt, REDIS_PASSWORD: 'CHANGE_THIS_PASSWORD' }), [
    "REDIS_PASSWORD: still holds the template's CHANGE_THIS placeholder",
  ])
  assert.deepEqual(problems({ ...production, ...jwt }), [])
})

test('faults are read as rates, durations and sizes', () => {
  const { faults } = load({
    FAULT_ERROR_RATE: '0.25',
    FAULT_LATENCY: '2s',
    FAULT_CRASH_AFTER: '3s',
    FAULT_MEMORY_GROWTH: '10MiB',
    FAULT_DATABASE_LOST: 'true',
  })
  assert.deepEqual(faults, {
    errorRate: 0.25,
    latency: 2_000,
    crashAfter: 3_000,
    memoryGrowth: 10 * 1024 * 1024,
    databaseLostAfter: 0,
  })
  assert.equal(load({ FAULT_DATABASE_LOST: 'false' }).faults.databaseLostAfter, undefined)
  assert.equal(load({ FAULT_DATABASE_LOST: '5s' }).faults.databaseLostAfter, 5_000)
})

for (const [name, value] of [
  ['FAULT_ERROR_RATE', '1.5'],
  ['FAULT_ERROR_RATE', '25%'],
  ['FAULT_ERROR_RATE', '-0.1'],
  ['FAULT_LATENCY', '2'],
  ['FAULT_LATENCY', 'slow'],
  ['FAULT_CRASH_AFTER', '-3s'],
  ['FAULT_CRASH_AFTER', '25h'],
  ['FAULT_MEMORY_GROWTH', '10MB'],
  ['FAULT_DATABASE_LOST', 'yes'],
]) {
  test(`${name}=${value} is refused`, () => {
    const [line = '', ...others] = problems({ ...MINIMUM, [String(name)]: value })
    assert.match(line, new RegExp(`^${name}: expected .*, got "${value}"$`))
    assert.deepEqual(others, [])
  })
}

test('rates from 0 to 1 are accepted in their usual spellings', () => {
  for (const rate of ['0', '0.0', '.5', '0.05', '1', '1.0']) {
    assert.equal(load({ FAULT_ERROR_RATE: rate }).faults.errorRate, Number(rate))
  }
})

test('secrets are found inside URLs too, as they are written and as they are meant', () => {
  const config = load({
    DATABASE_URL: 'postgres://u:p%40ss@db/d',
    REDIS_PASSWORD: 'cache-pw',
    JWT_SECRET: 'jwt',
  })
  assert.deepEqual(secretsOf(config).sort(), ['cache-pw', 'jwt', 'p%40ss', 'p@ss'])
})

test('quantities need a unit that they know', () => {
  assert.deepEqual(['250ms', '1.5s', '5m', '1h', '5', 's', '5d'].map(parseDuration), [
    250,
    1500,
    3e5,
    3.6e6,
    undefined,
    undefined,
    undefined,
  ])
  assert.deepEqual(['1B', '1KiB', '1GiB', '1kb', '10'].map(parseSize), [
    1,
    1024,
    2 ** 30,
    undefined,
    undefined,
  ])
  assert.equal(parseDuration('1constructor'), undefined)
})
