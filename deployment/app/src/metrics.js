import { check } from './dependencies.js'
import { histogramSamples } from './prometheus.js'

/** Counting users costs the database a query; several scrapers within this time share one. */
const ACTIVE_USERS_FRESH_MS = 10_000

/** One reading of everything that is measured, as numbers; a null could not be had just now. */
export class Metrics {
  #ports
  #active = { at: -Infinity, count: /** @type {number | null} */ (null) }

  /** @param {Omit<import('./service.js').Ports, 'metrics'>} ports */
  constructor(ports) {
    this.#ports = ports
  }

  /** @typedef {Awaited<ReturnType<Metrics['read']>>} Reading */
  async read() {
    const { system, traffic, database, cache } = this.#ports
    const [databaseCheck, cacheCheck, disk, activeUsers] = await Promise.all([
      check(database),
      check(cache),
      system.disk(),
      this.#activeUsers(),
    ])
    return {
      cpu: system.cpu(),
      memory: system.memory(),
      disk,
      eventLoopDelay: system.eventLoopDelay(),
      process: { cpuSeconds: cpuSeconds(), residentBytes: process.memoryUsage.rss() },
      databaseUp: databaseCheck.status === 'up',
      cacheUp: cacheCheck.status === 'up',
      connections: database.connections,
      recent: traffic.recent(),
      activeUsers,
    }
  }

  async #activeUsers() {
    const now = performance.now()
    if (now - this.#active.at < ACTIVE_USERS_FRESH_MS) return this.#active.count
    const count = await this.#ports.users.countActive().catch(() => null)
    this.#active = { at: now, count }
    return count
  }
}

/**
 * For people: `curl .../api/v1/metrics | jq .`
 * @param {import('./service.js').Ports} ports
 * @param {Reading} reading
 */
export function toJson({ config, lifecycle, traffic }, reading) {
  const { windowSeconds, requests, errors, durations } = reading.recent
  const milliseconds = (/** @type {number | null} */ seconds) => seconds && Math.round(seconds * 10_000) / 10
  return {
    version: config.version,
    release: config.release,
    uptime: lifecycle.uptime,
    system: {
      cpu: reading.cpu,
      memory: reading.memory,
      disk: reading.disk,
      eventLoopDelayMs: {
        p50: milliseconds(reading.eventLoopDelay.p50),
        p99: milliseconds(reading.eventLoopDelay.p99),
      },
      databaseConnections: reading.connections,
    },
    application: {
      windowSeconds: Math.round(windowSeconds),
      requests,
      errors,
      errorRate: requests === 0 ? 0 : Math.round((errors / requests) * 10_000) / 10_000,
      requestsPerSecond: Math.round((requests / windowSeconds) * 100) / 100,
      responseTimeMs: {
        p50: milliseconds(durations.quantile(0.5)),
        p95: milliseconds(durations.quantile(0.95)),
        p99: milliseconds(durations.quantile(0.99)),
      },
      inFlight: traffic.inFlight,
    },
    business: { activeUsers: reading.activeUsers, apiCalls: traffic.apiCalls },
  }
}

/**
 * For Prometheus, in base units.
 * @param {import('./service.js').Ports} ports
 * @param {Reading} reading
 * @returns {import('./prometheus.js').Family[]}
 */
export function toFamilies({ config, traffic }, reading) {
  const { cpu, memory, disk, eventLoopDelay, connections } = reading
  const ratio = (/** @type {number | null} */ percent) => percent && percent / 100
  const up = (/** @type {boolean} */ is) => (is ? 1 : 0)
  /** @param {string} name @param {string} help @param {import('./prometheus.js').Sample[]} samples */
  const gauge = (name, help, ...samples) => ({ name, help, type: /** @type {const} */ ('gauge'), samples })
  /** @param {string} name @param {string} help @param {number} value */
  const counter = (name, help, value) => ({
    name,
    help,
    type: /** @type {const} */ ('counter'),
    samples: [{ value }],
  })

  return [
    gauge('runbook_build_info', 'What runs.', {
      labels: { version: config.version, release: config.release ?? '' },
      value: 1,
    }),
    gauge('runbook_cpu_used_ratio', 'CPU time used of what may be used.', {
      labels: { of: cpu.of },
      value: ratio(cpu.usedPercent),
    }),
    gauge('runbook_memory_used_ratio', 'Memory used of what may be used.', {
      labels: { of: memory.of },
      value: ratio(memory.usedPercent),
    }),
    gauge('runbook_disk_used_ratio', 'Space used on the file system.', {
      labels: { of: disk.of },
      value: ratio(disk.usedPercent),
    }),
    gauge(
      'nodejs_eventloop_delay_seconds',
      'How late the event loop came to its timers, over the last 5 s.',
      { labels: { quantile: 0.5 }, value: eventLoopDelay.p50 },
      { labels: { quantile: 0.99 }, value: eventLoopDelay.p99 },
      { labels: { quantile: 1 }, value: eventLoopDelay.max },
    ),
    counter('process_cpu_seconds_total', 'CPU time of this process.', reading.process.cpuSeconds),
    gauge('process_resident_memory_bytes', 'Resident memory of this process.', {
      value: reading.process.residentBytes,
    }),
    gauge(
      'runbook_dependency_up',
      'Whether a dependency answers.',
      { labels: { dependency: 'database' }, value: up(reading.databaseUp) },
      { labels: { dependency: 'cache' }, value: up(reading.cacheUp) },
    ),
    gauge(
      'runbook_database_connections',
      'Connections to the database, and queries that wait for one.',
      { labels: { state: 'open' }, value: connections.open },
      { labels: { state: 'idle' }, value: connections.idle },
      { labels: { state: 'waiting' }, value: connections.waiting },
    ),
    gauge('http_requests_in_flight', 'Requests being answered.', { value: traffic.inFlight }),
    {
      name: 'http_request_duration_seconds',
      help: 'Time from a request to the end of its answer.',
      type: 'histogram',
      samples: [...traffic.series.values()].flatMap(({ method, route, status, durations }) =>
        histogramSamples({ method, route, status }, durations),
      ),
    },
    gauge('runbook_active_users', 'Users seen in the last 15 minutes.', { value: reading.activeUsers }),
    counter('runbook_api_calls_total', 'Requests to the API, without those that watch it.', traffic.apiCalls),
  ]
}

function cpuSeconds() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
