import { resolve, toText, type Contexts } from './expressions.ts'
import type { Job } from './workflow.ts'

/** What a repository has as secrets. */
export interface StoredSecrets {
  repository: Record<string, string>
  /** By the name of the environment. */
  environments: Record<string, Record<string, string>>
}

/**
 * Where the secrets of a workflow's jobs come from: from the repository, for the caller's own workflow and for those that
 * inherit, else what the calling job passes and nothing else.
 */
export type SecretScope =
  { kind: 'stored'; stored: StoredSecrets } | { kind: 'passed'; passed: Record<string, string> }

/**
 * The secrets of one job. Those of an environment reach a job of the caller's own that names it, and a job of a called
 * workflow only where every caller says `secrets: inherit`.
 */
export function secretsOf(scope: SecretScope, environment: string | undefined): Record<string, string> {
  if (scope.kind === 'passed') return scope.passed
  const { repository, environments } = scope.stored
  return { ...repository, ...(environment === undefined ? {} : environments[environment]) }
}

/** The secrets of a called workflow. A job that calls names no environment, so that it has only the repository's. */
export function passSecrets(job: Job, scope: SecretScope, contexts: Contexts): SecretScope {
  if (job.secrets === 'inherit') return scope
  const secrets = secretsOf(scope, undefined)
  const passed = Object.entries(job.secrets ?? {}).map(([name, value]) => [
    name,
    toText(resolve(value, { ...contexts, secrets })),
  ])
  return { kind: 'passed', passed: Object.fromEntries(passed) as Record<string, string> }
}

/** What a runner masks of a value: itself without blanks around it, and each of its lines. */
export function masksOf(value: string): string[] {
  const lines = value.split(/[\r\n]+/).map(line => line.trim())
  return [value.trim(), ...lines].filter(mask => mask !== '')
}

/**
 * Outputs of a job as GitHub keeps them: an empty one is none, and neither is one in which something would be masked.
 * Source: actions/runner, JobExtension ("Skip output ... since it may contain secret") and ValueEncoders.
 */
export function keepOutputs(
  outputs: Record<string, string>,
  masks: Iterable<string>,
): { kept: Record<string, string>; skipped: string[] } {
  const forms = [...new Set([...masks].flatMap(formsOf))]
  const isMasked = (value: string) => forms.some(form => value.includes(form))
  const entries = Object.entries(outputs).filter(([, value]) => value !== '')
  return {
    kept: Object.fromEntries(entries.filter(([, value]) => !isMasked(value))),
    skipped: entries.filter(([, value]) => isMasked(value)).map(([name]) => name),
  }
}

/** A value, and the encodings of it that the runner masks as well. */
function formsOf(mask: string): string[] {
  const base64 = (shift: number) => Buffer.from(mask).subarray(shift).toString('base64')
  const xml = mask.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const unquoted = /^"(.{7,})"$/s.exec(mask)?.[1] ?? ''
  return [
    mask,
    ...[0, 1, 2].map(base64),
    JSON.stringify(mask).slice(1, -1),
    mask.replaceAll("'", "''"),
    encodeURIComponent(mask),
    xml.replaceAll('"', '&quot;').replaceAll("'", '&apos;'),
    unquoted,
  ].filter(form => form !== '')
}
