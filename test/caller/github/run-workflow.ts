import { bindInputs, checkCall } from './calls.ts'
import { conditionOf, evaluate, isTrue, namesIn, resolve, toText, type Contexts } from './expressions.ts'
import { jobFile } from './job-file.ts'
import { combinationsOf, type Combination } from './matrix.ts'
import { checkPermissions, permissionsOf } from './permissions.ts'
import { passSecrets, secretsOf, type SecretScope } from './secrets.ts'
import { loadCalled, needsOf, StartupFailure } from './workflow.ts'
import type { Job, Permissions, Repositories, Source } from './workflow.ts'

// What GitHub does with a run between its runners: the order of the jobs, their conditions, what is passed on between them, and the
// workflows that they call.

export interface JobEnd {
  result: 'success' | 'failure' | 'cancelled' | 'skipped'
  outputs: Record<string, string>
}

/** One job as a runner gets it. */
export interface JobOrder {
  id: string
  /** As GitHub shows it: `release / production / promote production`. */
  fullName: string
  /** The last part of it. */
  name: string
  /** A workflow file with this job alone. */
  file: Record<string, unknown>
  secrets: Record<string, string>
  permissions: Permissions
  environment?: { name: string; deployment: boolean }
  /** Expressions by the names of the outputs, and what they may use beside what the runner has. */
  outputs: Record<string, string>
  contexts: Contexts
}

/** Runs one job to its end. The signal says that it is cancelled, and not merely not needed any more. */
export type RunJob = (order: JobOrder, cancelled: AbortSignal) => Promise<JobEnd>

export interface WorkflowRun {
  repositories: Repositories
  /** The `github` context, as far as GitHub itself has it. */
  github: Record<string, unknown>
  variables: Record<string, string>
  runJob: RunJob
  cancelled: AbortSignal
  log: (text: string) => void
}

interface Call {
  source: Source
  inputs: Record<string, unknown>
  secrets: SecretScope
  permissions: Permissions | undefined
  /** Names of the jobs that call. */
  path: string[]
}

/**
 * Runs a workflow to its end.
 * @throws StartupFailure when GitHub would not start it
 */
export async function runWholeWorkflow(
  run: WorkflowRun,
  source: Source,
  given: Record<string, unknown>,
  secrets: SecretScope,
): Promise<JobEnd> {
  checkPermissions(source, run.repositories)
  checkCalls(source, run.repositories)
  const contexts = { github: run.github, vars: run.variables }
  const inputs = bindInputs(source.workflow.on.workflow_dispatch?.inputs ?? {}, given, contexts)
  return runJobs(run, { source, inputs, secrets, permissions: undefined, path: [] })
}

function checkCalls(source: Source, repositories: Repositories): void {
  const { jobs } = source.workflow
  for (const [id, job] of Object.entries(jobs)) {
    const unknown = needsOf(job).filter(need => !(need in jobs))
    if (unknown.length > 0)
      throw new StartupFailure(`Job '${id}' depends on unknown job '${unknown.join("', '")}'.`)
    if (job.uses === undefined) continue
    const called = loadCalled(job.uses, source, repositories)
    checkCall(job, called.workflow.on.workflow_call)
    checkCalls(called, repositories)
  }
}

async function runJobs(run: WorkflowRun, call: Call): Promise<JobEnd> {
  const { jobs, on } = call.source.workflow
  const ends = new Map<string, Promise<JobEnd>>()
  const endOf = (id: string): Promise<JobEnd> => {
    const known = ends.get(id) ?? start(id, jobs[id] ?? {})
    ends.set(id, known)
    return known
  }
  const start = async (id: string, job: Job): Promise<JobEnd> => {
    const before = await named([...ancestorsOf(jobs, id)], endOf)
    const needs = Object.fromEntries(needsOf(job).map(need => [need, before[need]]))
    return runWhenDue(run, call, id, job, { needs, before: Object.values(before) })
  }
  const all = await named(Object.keys(jobs), endOf)
  const contexts = { github: run.github, vars: run.variables, inputs: call.inputs, jobs: all }
  const declared = Object.entries(on.workflow_call?.outputs ?? {})
  const outputs = declared.map(([name, { value }]) => [name, toText(resolve(value, contexts))])
  return {
    result: together(Object.values(all).map(({ result }) => result)),
    outputs: Object.fromEntries(outputs) as Record<string, string>,
  }
}

async function named(ids: string[], endOf: (id: string) => Promise<JobEnd>): Promise<Record<string, JobEnd>> {
  const entries = await Promise.all(ids.map(async id => [id, await endOf(id)] as const))
  return Object.fromEntries(entries)
}

function ancestorsOf(jobs: Record<string, Job>, id: string): Set<string> {
  const direct = needsOf(jobs[id] ?? {})
  return new Set([...direct, ...direct.flatMap(need => [...ancestorsOf(jobs, need)])])
}

interface Before {
  needs: Record<string, JobEnd | undefined>
  /** How all that had to end before it ended. */
  before: JobEnd[]
}

async function runWhenDue(
  run: WorkflowRun,
  call: Call,
  id: string,
  job: Job,
  { needs, before }: Before,
): Promise<JobEnd> {
  const contexts = { github: run.github, vars: run.variables, inputs: call.inputs, needs }
  const isDue = (cancelled: boolean) => {
    const status = {
      success: !cancelled && before.every(({ result }) => result === 'success'),
      failure: before.some(({ result }) => result === 'failure'),
      cancelled,
    }
    return isTrue(evaluate(withStatus(job.if), contexts, status))
  }
  if (!isDue(run.cancelled.aborted))
    return { result: run.cancelled.aborted ? 'cancelled' : 'skipped', outputs: {} }
  const ending = new AbortController()
  const cancel = () => {
    if (!isDue(true)) ending.abort()
  }
  run.cancelled.addEventListener('abort', cancel, { once: true })
  try {
    return await runCombinations(run, call, id, job, contexts, ending.signal)
  } catch (error) {
    run.log(`${[...call.path, id].join(' / ')}: ${error instanceof Error ? error.message : String(error)}`)
    return { result: 'failure', outputs: {} }
  } finally {
    run.cancelled.removeEventListener('abort', cancel)
  }
}

const statusFunctions = ['success', 'failure', 'cancelled', 'always']

/** A condition without a word of how other jobs ended demands that all succeeded. */
function withStatus(condition: string | boolean = true): string {
  const expression = conditionOf(String(condition))
  const names = namesIn(expression)
  return statusFunctions.some(name => names.has(name)) ? expression : `success() && (${expression})`
}

async function runCombinations(
  run: WorkflowRun,
  call: Call,
  id: string,
  job: Job,
  contexts: Contexts,
  cancelled: AbortSignal,
): Promise<JobEnd> {
  const strategy = resolve(job.strategy ?? {}, contexts) as NonNullable<Job['strategy']>
  const combinations = combinationsOf(strategy.matrix)
  const failed = new AbortController()
  const signal = AbortSignal.any([cancelled, failed.signal])
  const ends = await Promise.all(
    combinations.map(async matrix => {
      const end = await runOne(run, call, id, job, { ...contexts, matrix, strategy }, signal)
      if (end.result === 'failure' && strategy['fail-fast'] !== false) failed.abort()
      return end
    }),
  )
  return {
    result: together(ends.map(({ result }) => result)),
    outputs: Object.assign({}, ...ends.map(({ outputs }) => outputs)) as Record<string, string>,
  }
}

function runOne(
  run: WorkflowRun,
  call: Call,
  id: string,
  job: Job,
  contexts: Contexts & { matrix: Combination },
  cancelled: AbortSignal,
): Promise<JobEnd> {
  const { source, secrets: scope, path } = call
  const permissions = permissionsOf(job, source.workflow, call.permissions)
  const name = nameOf(id, job, contexts)
  if (job.uses !== undefined) {
    const called = loadCalled(job.uses, source, run.repositories)
    const given = resolve(job.with ?? {}, contexts) as Record<string, unknown>
    const around = { github: run.github, vars: run.variables }
    const inputs = bindInputs(called.workflow.on.workflow_call?.inputs ?? {}, given, around)
    const secrets = passSecrets(job, scope, contexts)
    const nested = { source: called, inputs, secrets, permissions, path: [...path, name] }
    return runJobs({ ...run, cancelled: AbortSignal.any([run.cancelled, cancelled]) }, nested)
  }
  if (job.container !== undefined || job.services !== undefined)
    throw new Error('containers and services of a job are not played here')
  const environment = environmentOf(job, contexts)
  const { inputs, needs, matrix, strategy, vars } = contexts as Record<string, unknown>
  const order: JobOrder = {
    ...{ id, name, fullName: [...path, name].join(' / '), permissions, contexts },
    file: jobFile(source.workflow, toText(run.github['workflow']), id, job, {
      inputs,
      needs,
      matrix,
      strategy,
      vars,
    }),
    secrets: secretsOf(scope, environment?.name),
    ...(environment ? { environment } : {}),
    outputs: job.outputs ?? {},
  }
  return run.runJob(order, cancelled)
}

function nameOf(id: string, job: Job, contexts: Contexts & { matrix: Combination }): string {
  if (job.name !== undefined) return toText(resolve(job.name, contexts))
  const values = Object.values(contexts.matrix).filter(value => typeof value !== 'object')
  return values.length > 0 ? `${id} (${values.map(toText).join(', ')})` : id
}

function environmentOf(job: Job, contexts: Contexts): JobOrder['environment'] {
  const { environment } = job
  if (environment === undefined) return undefined
  // Its url may use the outputs of steps, which only the runner has.
  const { name, deployment = true } =
    typeof environment === 'string' ? { name: environment, deployment: true } : environment
  const text = toText(resolve(name, contexts))
  return text === '' ? undefined : { name: text, deployment: isTrue(resolve(deployment, contexts)) }
}

/** How a group of jobs ended: as its worst one; skipped only where all were. */
function together(results: JobEnd['result'][]): JobEnd['result'] {
  for (const worst of ['failure', 'cancelled', 'success'] as const) if (results.includes(worst)) return worst
  return 'skipped'
}
