import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { InputError } from '../outcome/errors.ts'
import { gateDefaults, type Environment } from './environment.ts'
import { runbookSchema, type EnvironmentSpec, type Runbook } from './schema.ts'
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
}

/**
 * Reads one environment of a runbook.
 * @throws InputError that names file, line, key, what was found and what is accepted
 */
export function loadEnvironment({ root, config, environment, overrides }: LoadRequest): Environment {
  const runbook = parseRunbook(config, readConfig(root, config))
  const spec = runbook.environments[environment]
  if (!spec) {
    const names = Object.keys(runbook.environments)
    throw InputError.of(
      'environment',
      environment,
      names.join(', '),
      `Name one of them, or add ${environment} to ${config}.`,
    )
  }
  return resolveEnvironment(runbook.service, environment, resolve(root), override(spec, overrides))
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
  try {
    return readFileSync(resolve(root, config), 'utf8')
  } catch (cause) {
    throw new InputError(`config: ${config} cannot be read`, {
      hint: `Check the repository out first, or set config to the path of your runbook.yml.`,
      cause,
    })
  }
}

function override(spec: EnvironmentSpec, { url, manifests }: Overrides): EnvironmentSpec {
  const target = manifests && spec.target.kind === 'kubernetes' ? { ...spec.target, manifests } : spec.target
  return { ...spec, target, ...(url ? { url } : {}) }
}

function resolveEnvironment(service: string, name: string, root: string, spec: EnvironmentSpec): Environment {
  const at = (key: string) => `environments.${name}.${key}`
  const { backup, gate = {}, monitoring = {}, smoke = {} } = spec
  return {
    service,
    name,
    root,
    target: spec.target,
    url: baseUrl(spec.url),
    envFile: spec['env-file'] ?? '',
    requires: spec.requires ?? [],
    backup: backup && {
      destination: backup.destination,
      retentionDays: backup['retention-days'] ?? 30,
      shortDays: backup['short-days'] ?? 2,
      encryptTo: backup['encrypt-to'] ?? [],
      rpoMs: parseDuration(at('backup.rpo'), backup.rpo ?? '1h'),
      rtoMs: parseDuration(at('backup.rto'), backup.rto ?? '4h'),
      promisesRpo: backup.rpo !== undefined,
      wal: backup.wal ?? false,
    },
    gate: {
      forMs: gate.for ? parseDuration(at('gate.for'), gate.for) : gateDefaults.forMs,
      intervalMs: gate.interval ? parseDuration(at('gate.interval'), gate.interval) : gateDefaults.intervalMs,
      paths: gate.paths ?? gateDefaults.paths,
      memory: gate.memory ? parsePercent(at('gate.memory'), gate.memory) : gateDefaults.memory,
      cpu: gate.cpu ? parsePercent(at('gate.cpu'), gate.cpu) : gateDefaults.cpu,
      disk: gate.disk ? parsePercent(at('gate.disk'), gate.disk) : gateDefaults.disk,
      errorRate: gate['error-rate']
        ? parsePercent(at('gate.error-rate'), gate['error-rate'])
        : gateDefaults.errorRate,
      latencyMs: gate.latency ? parseDuration(at('gate.latency'), gate.latency) : gateDefaults.latencyMs,
    },
    monitoring: {
      prometheus: baseUrl(monitoring.prometheus),
      grafana: baseUrl(monitoring.grafana),
      pushgateway: baseUrl(monitoring.pushgateway),
    },
    smoke: {
      suite: smoke.suite ?? '',
      requests: smoke.requests ?? 200,
      concurrency: smoke.concurrency ?? 10,
    },
  }
}

function baseUrl(url = ''): string {
  return url.replace(/\/+$/, '')
}
