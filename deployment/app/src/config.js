import { randomBytes } from 'node:crypto'

import { parseDuration, parseSize } from './quantities.js'

/** The service cannot start: every problem is one line that names the variable and what is accepted. */
export class ConfigError extends Error {
  /** @param {string[]} problems */
  constructor(problems) {
    super(problems.join('; '))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

const ENVIRONMENTS = ['development', 'test', 'staging', 'production']
const LOG_LEVELS = ['debug', 'info', 'warn', 'error']

/**
 * Reads the whole configuration from environment variables. An empty variable counts as unset. Times are in
 * milliseconds, sizes in bytes, rates in 0..1. Values of secrets never appear in the problems.
 * @param {Record<string, string | undefined>} env
 * @param {{version: string}} defaults what the service's package.json says
 * @throws {ConfigError} with all problems at once
 */
export function loadConfig(env, defaults) {
  const read = new Reader(env)
  const environment = read.oneOf('NODE_ENV', ENVIRONMENTS, 'development')
  const production = environment === 'production'
  const jwtSecret = read.secret('JWT_SECRET', production ? { required: true, atLeast: 64 } : { atLeast: 1 })
  const redisPassword = read.secret('REDIS_PASSWORD', { atLeast: 1 })

  const config = {
    environment,
    version: read.text('VERSION') ?? read.text('RUNBOOK_VERSION') ?? defaults.version,
    release: read.text('RELEASE') ?? read.text('RUNBOOK_RELEASE') ?? null,
    port: read.integer('PORT', 0, 65_535, 3000),
    logLevel: read.oneOf('LOG_LEVEL', LOG_LEVELS, 'info'),
    shutdownTimeout: read.duration('SHUTDOWN_TIMEOUT', 8_000),
    migrateOnStart: read.boolean('MIGRATE_ON_START', true),
    database: {
      url: read.url('DATABASE_URL', ['postgres:', 'postgresql:']),
      poolSize: read.integer('DATABASE_POOL_SIZE', 1, 100, 5),
    },
    cache: { url: read.url('REDIS_URL', ['redis:', 'rediss:']), password: redisPassword },
    // Without a secret of its own a process makes one up: its tokens end with it. Production may not.
    jwtSecret: jwtSecret ?? randomBytes(48).toString('base64url'),
    jwtSecretIsTemporary: jwtSecret === undefined,
    faults: {
      errorRate: read.rate('FAULT_ERROR_RATE'),
      latency: read.duration('FAULT_LATENCY', 0),
      crashAfter: read.duration('FAULT_CRASH_AFTER', undefined),
      memoryGrowth: read.size('FAULT_MEMORY_GROWTH', 0),
      databaseLostAfter: read.trueOrAfter('FAULT_DATABASE_LOST'),
    },
  }
  if (production) read.refusePlaceholders(['DATABASE_URL', 'REDIS_URL', 'REDIS_PASSWORD', 'JWT_SECRET'])
  if (read.problems.length > 0) throw new ConfigError(read.problems)
  return config
}

/** @typedef {ReturnType<typeof loadConfig>} Config */

/**
 * What no log line may contain.
 * @param {Config} config
 * @returns {string[]}
 */
export function secretsOf(config) {
  const inUrls = [config.database.url, config.cache.url].flatMap(url => {
    const { password } = new URL(url)
    return [password, decodeURIComponent(password)]
  })
  return [...new Set([...inUrls, config.jwtSecret, config.cache.password ?? ''])].filter(Boolean)
}

/** Reads variables one by one and collects what is wrong with them, so that all of it can be told at once. */
class Reader {
  /** @type {string[]} */
  problems = []
  #env

  /** @param {Record<string, string | undefined>} env */
  constructor(env) {
    this.#env = env
  }

  /** @param {string} name */
  text(name) {
    return this.#env[name]?.trim() || undefined
  }

  /**
   * @template T
   * @param {string} name
   * @param {T} fallback
   * @param {string} accepted
   * @param {(text: string) => T | undefined} parse
   * @returns {T}
   */
  #value(name, fallback, accepted, parse) {
    const text = this.text(name)
    if (text === undefined) return fallback
    const value = parse(text)
    if (value === undefined) this.problems.push(`${name}: expected ${accepted}, got ${JSON.stringify(text)}`)
    return value ?? fallback
  }

  /** @param {string} name @param {string[]} accepted @param {string} fallback */
  oneOf(name, accepted, fallback) {
    return this.#value(name, fallback, `one of ${accepted.join(', ')}`, text =>
      accepted.includes(text) ? text : undefined,
    )
  }

  /** @param {string} name @param {boolean} fallback */
  boolean(name, fallback) {
    return this.oneOf(name, ['true', 'false'], String(fallback)) === 'true'
  }

  /** @param {string} name @param {number} min @param {number} max @param {number} fallback */
  integer(name, min, max, fallback) {
    return this.#value(name, fallback, `a whole number from ${min} to ${max}`, text => {
      const number = /^\d+$/.test(text) ? Number(text) : NaN
      return number >= min && number <= max ? number : undefined
    })
  }

  /** @param {string} name */
  rate(name) {
    return this.#value(name, 0, 'a rate from 0 to 1, such as 0.25', text =>
      /^(0|1|0?\.\d+|1\.0+|0\.0*)$/.test(text) ? Number(text) : undefined,
    )
  }

  /** @template {number | undefined} T @param {string} name @param {T} fallback @returns {number | T} */
  duration(name, fallback) {
    return this.#value(
      name,
      /** @type {number | T} */ (fallback),
      'a duration such as 500ms, 2s or 1m, 24h at most',
      parseDuration,
    )
  }

  /** @param {string} name @param {number} fallback */
  size(name, fallback) {
    return this.#value(name, fallback, 'a size such as 512KiB or 10MiB', parseSize)
  }

  /** `true` is at once, a duration is that long after start, unset or `false` is never. @param {string} name */
  trueOrAfter(name) {
    const never = /** @type {number | undefined} */ (undefined)
    if (this.text(name) === 'false') return never
    return this.#value(name, never, 'true, false, or a duration after start such as 10s', text =>
      text === 'true' ? 0 : parseDuration(text),
    )
  }

  /** @param {string} name @param {string[]} protocols */
  url(name, protocols) {
    const text = this.text(name) ?? ''
    const accepted = protocols.map(protocol => `${protocol}//...`).join(' or ')
    if (text === '') this.problems.push(`${name}: is required (${accepted})`)
    else if (!isUrl(text, protocols))
      this.problems.push(`${name}: expected a URL like ${accepted} (value not shown)`)
    return text
  }

  /** @param {string} name @param {{required?: boolean, atLeast: number}} rule */
  secret(name, { required = false, atLeast }) {
    const text = this.text(name)
    if (text === undefined && required)
      this.problems.push(`${name}: is required (${atLeast} characters or more)`)
    if (text !== undefined && text.length < atLeast) {
      this.problems.push(`${name}: needs ${atLeast} characters or more, has ${text.length} (value not shown)`)
    }
    return text
  }

  /** @param {string[]} names */
  refusePlaceholders(names) {
    for (const name of names.filter(each => this.text(each)?.includes('CHANGE_THIS'))) {
      this.problems.push(`${name}: still holds the template's CHANGE_THIS placeholder`)
    }
  }
}

/** @param {string} text @param {string[]} protocols */
function isUrl(text, protocols) {
  try {
    const url = new URL(text)
    // A lone % in the password is taken by none of the clients.
    decodeURIComponent(url.password)
    return protocols.includes(url.protocol) && url.hostname !== ''
  } catch {
    return false
  }
}
