import { resolve } from 'node:path'
import { z } from 'zod'
import { InputError } from '../outcome/errors.ts'
import { withoutEnd } from '../outcome/strip.ts'
import { acceptedMetricCondition, isSelector, parseCondition, type Condition } from './schema/condition.ts'
import { resolveChecks } from './checks.ts'
import {
  gateDefaults,
  leastIntervalMs,
  mostWarmUpMs,
  retentionDefaults,
  smokeDefaults,
  type At,
  type Environment,
  type GateSpec,
  type SmokeSpec,
} from './environment.ts'
import { runbookSchema, type EnvironmentSpec, type Runbook } from './schema/schema.ts'
import { resolveImageTrust } from './image-trust.ts'
import { readTextFile } from './text-file.ts'
import { parseDuration, parsePercent } from './values.ts'
import { parseYaml } from './yaml.ts'

/** Where the runbook lies, and what the caller says instead of it. */
export interface LoadRequest {
  /** The repository's root; the runbook's paths are relative to it. */
  root: string
  /** Path of runbook.yml, relative to `root`. */
  config: string
  /** Name of the environment. */
  environment: string
  overrides: Overrides
}

/** Inputs that win over the runbook. Empty strings say nothing. */
export interface Overrides {
  url?: string
  manifests?: string
  /** Path of an env-file; absolute where it is not in the repository. */
  envFile?: string
  /** The same for `backup.env-file`. */
  backupEnvFile?: string
}

/**
 * Reads one environment of a runbook.
 * @throws InputError that names file, line, key, what was found and what is accepted
 */
export function loadEnvironment({ root, config, environment, overrides }: LoadRequest): Environment {
  const { data: runbook, lineOf } = parseYaml(config, 'a runbook', readConfig(root, config), runbookSchema)
  const spec = Object.hasOwn(runbook.environments, environment)
    ? runbook.environments[environment]
    : undefined
  if (!spec) {
    const names = Object.keys(runbook.environments)
    throw InputError.of(
      'environment',
      environment,
      names.join(', '),
      `Name one of them, or add ${environment} to ${config}.`,
    )
  }
  const at: At = key =>
    `${config}:${lineOf(['environments', environment, ...key.split('.')])} environments.${environment}.${key}`
  return resolveEnvironment(runbook.service, environment, resolve(root), override(spec, overrides), at)
}

/** The names of a runbook's environments, as it lists them. @throws InputError as `loadEnvironment` */
export function environmentNames({ root, config }: Pick<LoadRequest, 'root' | 'config'>): string[] {
  return Object.keys(parseRunbook(config, readConfig(root, config)).environments)
}

/**
 * Parses and validates the text of a runbook.
 * @param file its path, for error messages
 */
export function parseRunbook(file: string, text: string): Runbook {
  return parseYaml(file, 'a runbook', text, runbookSchema).data
}

/** The runbook's schema for editors, as JSON Schema. */
export function runbookJsonSchema(): object {
  return { $id: 'runbook.schema.json', title: 'runbook.yml', ...z.toJSONSchema(runbookSchema) }
}

function readConfig(root: string, config: string): string {
  const missing = 'Check the repository out first, or set config to the path of your runbook.yml.'
  return readTextFile({ input: 'config', root, file: config, missing }).text
}

function override(
  spec: EnvironmentSpec,
  { url, manifests, envFile, backupEnvFile }: Overrides,
): EnvironmentSpec {
  const target = manifests && spec.target.kind === 'kubernetes' ? { ...spec.target, manifests } : spec.target
  return {
    ...spec,
    target,
    ...(url ? { url } : {}),
    ...(envFile ? { 'env-file': envFile } : {}),
    ...(backupEnvFile && spec.backup ? { backup: { ...spec.backup, 'env-file': backupEnvFile } } : {}),
  }
}

function resolveEnvironment(
  service: string,
  name: string,
  root: string,
  spec: EnvironmentSpec,
  at: At,
): Environment {
  const { backup, gate = {}, monitoring = {}, notify = {} } = spec
  return {
    service,
    name,
    root,
    target: spec.target,
    url: baseUrl(spec.url),
    redirectsTo: (spec['redirects-to'] ?? []).map(baseUrl),
    image: resolveImageTrust(at, spec),
    envFile: spec['env-file'] ?? '',
    requires: spec.requires ?? [],
    backup: backup && {
      destination: backup.destination,
      envFile: backup['env-file'] ?? '',
      retentionDays: backup['retention-days'] ?? retentionDefaults.days,
      shortDays: backup['short-days'] ?? retentionDefaults.shortDays,
      encryptTo: backup['encrypt-to'] ?? [],
      signedBy: backup['signed-by'] ?? [],
      verifyQuery: backup['verify-query'] ?? '',
      postgresImage: backup['postgres-image'] ?? '',
      rpoMs: parseDuration(at('backup.rpo'), backup.rpo ?? '1h'),
      rtoMs: parseDuration(at('backup.rto'), backup.rto ?? '4h'),
      promisesRpo: backup.rpo !== undefined,
      wal: backup.wal ?? false,
    },
    tunnels: { database: spec.tunnels?.database ?? '', redis: spec.tunnels?.redis ?? '' },
    gate: resolveGate(gate, at),
    monitoring: {
      prometheus: baseUrl(monitoring.prometheus),
      grafana: baseUrl(monitoring.grafana),
      pushgateway: baseUrl(monitoring.pushgateway),
    },
    notify: { slack: notify.slack ?? '', github: notify.github ?? '' },
    smoke: resolveSmoke(at, spec.smoke),
    ...(spec.checks ? { checks: resolveChecks(at, spec.checks) } : {}),
    at,
  }
}

function resolveSmoke(at: (key: string) => string, smoke: EnvironmentSpec['smoke'] = {}): SmokeSpec {
  const { 'max-rate': maxRate, 'max-p95': maxP95, 'max-error-rate': maxErrorRate } = smoke
  return {
    suite: smoke.suite ?? '',
    requests: smoke.requests ?? smokeDefaults.requests,
    concurrency: smoke.concurrency ?? smokeDefaults.concurrency,
    ...(maxRate === undefined ? {} : { maxRate }),
    ...(maxP95 === undefined ? {} : { maxP95Ms: parseDuration(at('smoke.max-p95'), maxP95) }),
    ...(maxErrorRate === undefined
      ? {}
      : { maxErrorRate: parsePercent(at('smoke.max-error-rate'), maxErrorRate) }),
  }
}

function resolveGate(gate: NonNullable<EnvironmentSpec['gate']>, at: At): GateSpec {
  const ms = (key: 'for' | 'interval' | 'latency' | 'baseline' | 'warm-up', otherwise: number) =>
    gate[key] ? parseDuration(at(`gate.${key}`), gate[key]) : otherwise
  const share = (key: 'memory' | 'cpu' | 'disk' | 'error-rate', otherwise: number) =>
    gate[key] ? parsePercent(at(`gate.${key}`), gate[key]) : otherwise
  const conditions = (key: 'metrics' | 'queries') =>
    Object.entries(gate[key] ?? {}).map(([name, text]): Condition => {
      const where = at(`gate.${key}.${name}`)
      const condition = parseCondition(where, name, text)
      if (key === 'metrics' && !isSelector(condition.expr))
        throw InputError.of(where, text, acceptedMetricCondition)
      return condition
    })
  const intervalMs = ms('interval', gateDefaults.intervalMs)
  if (intervalMs < leastIntervalMs)
    throw InputError.of(at('gate.interval'), gate.interval, `a duration of ${leastIntervalMs}ms or more`)
  const warmUpMs = gate['warm-up'] === undefined ? undefined : ms('warm-up', 0)
  if (warmUpMs !== undefined && warmUpMs > mostWarmUpMs)
    throw InputError.of(at('gate.warm-up'), gate['warm-up'], 'a duration of 30m or less')
  return {
    forMs: ms('for', gateDefaults.forMs),
    ...(warmUpMs === undefined ? {} : { warmUpMs }),
    intervalMs,
    paths: gate.paths ?? gateDefaults.paths,
    memory: share('memory', gateDefaults.memory),
    cpu: share('cpu', gateDefaults.cpu),
    disk: share('disk', gateDefaults.disk),
    errorRate: share('error-rate', gateDefaults.errorRate),
    latencyMs: ms('latency', gateDefaults.latencyMs),
    baselineMs: ms('baseline', gateDefaults.baselineMs),
    ...(gate['max-gap'] === undefined
      ? {}
      : { maxGapMs: parseDuration(at('gate.max-gap'), gate['max-gap']) }),
    expect: gate.expect ?? gateDefaults.expect,
    metrics: conditions('metrics'),
    queries: conditions('queries'),
  }
}

function baseUrl(url = ''): string {
  return withoutEnd(url, '/')
}
