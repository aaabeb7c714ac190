import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Outcome } from '../../shared/outcome/outcome.ts'
import type { GitHubStandIn } from '../lab/github.ts'
import type { Lab } from '../lab/lab.ts'
import { githubCancelTimes, type CancelTimes } from './cancel-job.ts'
import { outcomeOf, type RunnerEvent } from './events.ts'
import { recordsIn } from './github-records.ts'
import { runWholeWorkflow, type JobEnd, type JobOrder } from './github/run-workflow.ts'
import { loadWorkflow, StartupFailure, type Repositories } from './github/workflow.ts'
import { git } from './git.ts'
import { killAll, processesWith } from './processes.ts'
import type { Trigger } from './run.ts'
import { runJob } from './run-job.ts'

export interface GitHubRunRequest {
  lab: Lab
  /** The published tree, which `org/runbook-actions@v1` stands for. */
  tree: string
  /** The caller's repository. */
  repository: string
  /** Belongs to this run alone: its working copy, its log and its reports. */
  folder: string
  /** Has to differ between runs: the lease tells them apart by it. */
  id: number
  trigger: Trigger
  /** Of the repository. */
  secrets: Record<string, string>
  /** Of its environments, by their names. */
  environmentSecrets?: Record<string, Record<string, string>>
  variables?: Record<string, string>
  /** Where the run reports, and what its actions find under GITHUB_API_URL; default, no server. */
  github?: GitHubStandIn
  /** Ends the run as a killed runner would. */
  signal: AbortSignal
  /** Cancels it, as a person does on the page of the run. */
  cancelled?: AbortSignal
  /** Default: GitHub's. */
  cancelTimes?: CancelTimes
  onEvent?: (event: RunnerEvent) => void
}

export interface GitHubRunResult {
  success: boolean
  /** Of the whole run; `startup_failure` when no job was started. */
  conclusion: JobEnd['result'] | 'startup_failure'
  /** Why it was not started, in GitHub's words. */
  startupFailure?: string
  /** The jobs that had a runner, in the order of their ends: names as GitHub shows them. */
  jobs: { name: string; result: JobEnd['result']; outputs: Record<string, string> }[]
  /** What each action put out, in order. */
  outcomes: Outcome[]
  /** Ended steps by `job: step`, with their results. */
  steps: { job: string; step: string; result: string; durationMs: number }[]
  /** Path of the log. */
  log: string
  durationMs: number
}

/**
 * Runs one workflow of the caller's repository as GitHub would: each job by act, on a machine of its own, with its own secrets and
 * a fresh clone (test/lab/README.md says what is as strict as GitHub). Writes log.txt, summary.md and one JSON file for each outcome
 * into the folder.
 */
export async function runOnGitHub(request: GitHubRunRequest): Promise<GitHubRunResult> {
  const { folder, trigger, signal, onEvent } = request
  signal.throwIfAborted()
  mkdirSync(folder, { recursive: true })
  const files = prepare(request)
  const startedAt = performance.now()
  const result: GitHubRunResult = {
    ...{ success: false, conclusion: 'failure', jobs: [], outcomes: [], steps: [] },
    ...{ log: join(folder, 'log.txt'), durationMs: 0 },
  }
  const take = (event: RunnerEvent) => {
    record(event, result, folder)
    onEvent?.(event)
  }
  const stop = new AbortController()
  const die = () => {
    stop.abort()
    killAll(processesWith('RUNBOOK_CALLER_RUN', markOf(request)))
  }
  signal.addEventListener('abort', die, { once: true })
  try {
    const end = await runJobsOf(request, files, result, take, stop.signal)
    result.conclusion = end.result
  } catch (error) {
    if (!(error instanceof StartupFailure)) throw error
    result.conclusion = 'startup_failure'
    result.startupFailure = error.message
    take({ kind: 'log', job: '', text: error.message })
  } finally {
    signal.removeEventListener('abort', die)
    killAll(processesWith('RUNBOOK_CALLER_RUN', markOf(request)))
    rmSync(files.copy, { recursive: true, force: true })
  }
  signal.throwIfAborted()
  result.success = result.conclusion === 'success'
  result.durationMs = performance.now() - startedAt
  const { success, conclusion, steps } = result
  const about = { trigger, success, conclusion, durationMs: Math.round(result.durationMs), steps }
  writeFileSync(join(folder, 'run.json'), `${JSON.stringify(about, null, 2)}\n`)
  return result
}

interface Files {
  copy: string
  event: { name: string; file: string; payload: Record<string, unknown> }
  ref: string
  sha: string
}

const repositoryName = 'org/runbook-api'

async function runJobsOf(
  request: GitHubRunRequest,
  files: Files,
  result: GitHubRunResult,
  take: (event: RunnerEvent) => void,
  died: AbortSignal,
): Promise<JobEnd> {
  const { lab, folder, trigger, id } = request
  const path = `.github/workflows/${trigger.event === 'push' ? 'release.yml' : trigger.workflow}`
  const repositories: Repositories = { 'org/runbook-actions@v1': request.tree }
  const source = loadWorkflow(files.copy, path)
  const records = request.github
    ? recordsIn(request.github, { id, event: files.event.name, ref: files.ref, sha: files.sha, path })
    : undefined
  let started = 0
  const oneJob = async (order: JobOrder, cancelled: AbortSignal): Promise<JobEnd> => {
    if (died.aborted) return { result: 'cancelled', outputs: {} }
    const place = `${String(++started).padStart(2, '0')}-${order.name.replaceAll(/[^\w-]+/g, '-')}`
    const token = request.github?.grant(order.permissions) ?? `ghs_lab${id}x${started}`
    const conclude = records?.jobStarts(order)
    const end = await runJob({ ...order, secrets: { ...order.secrets, GITHUB_TOKEN: token } }, cancelled, {
      ...{ lab, folder: join(folder, 'jobs', place), copy: files.copy, repositories, event: files.event },
      environment: environmentOf(request, files, path),
      times: request.cancelTimes ?? githubCancelTimes,
      onEvent: take,
    })
    conclude?.(end)
    result.jobs.push({ name: order.fullName, ...end })
    return end
  }
  try {
    return await runWholeWorkflow(
      {
        ...{ repositories, github: githubContext(request, files, source.workflow.name ?? path) },
        variables: request.variables ?? {},
        runJob: oneJob,
        cancelled: request.cancelled ?? new AbortController().signal,
        log: text => take({ kind: 'log', job: '', text }),
      },
      source,
      trigger.event === 'workflow_dispatch' ? trigger.inputs : {},
      {
        kind: 'stored',
        stored: { repository: request.secrets, environments: request.environmentSecrets ?? {} },
      },
    )
  } finally {
    records?.runEnds()
  }
}

function prepare({ folder, repository, trigger }: GitHubRunRequest): Files {
  const copy = join(folder, 'working-copy')
  const branch = trigger.event === 'push' ? trigger.tag : 'main'
  rmSync(copy, { recursive: true, force: true })
  git(folder, '-c', 'advice.detachedHead=false', 'clone', '-q', '--branch', branch, repository, copy)
  // The runner reads the repository's name from here.
  git(copy, 'remote', 'set-url', 'origin', `https://github.com/${repositoryName}`)
  const ref = trigger.event === 'push' ? `refs/tags/${branch}` : `refs/heads/${branch}`
  const inputs = trigger.event === 'workflow_dispatch' ? { inputs: trigger.inputs } : {}
  const [owner, name] = repositoryName.split('/')
  const repositoryOf = { full_name: repositoryName, name, owner: { login: owner }, default_branch: 'main' }
  const payload = { ref, ...inputs, repository: repositoryOf, sender: { login: 'org' } }
  const file = join(folder, 'event.json')
  writeFileSync(file, JSON.stringify(payload))
  return { copy, event: { name: trigger.event, file, payload }, ref, sha: git(copy, 'rev-parse', 'HEAD') }
}

const networkSettings = [
  'HTTPS_PROXY',
  'HTTP_PROXY',
  'NO_PROXY',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
].flatMap(name => [name, name.toLowerCase()])

/** What GitHub sets beside what act does, and what of this machine a job needs. */
function environmentOf(request: GitHubRunRequest, { ref, sha }: Files, path: string): Record<string, string> {
  const home = process.env['HOME'] ?? ''
  return {
    // act's name for it.
    SHA_REF: sha,
    GITHUB_REF: ref,
    GITHUB_REPOSITORY: repositoryName,
    GITHUB_RUN_ID: String(request.id),
    GITHUB_TRIGGERING_ACTOR: 'org',
    GITHUB_WORKFLOW_REF: `${repositoryName}/${path}@${ref}`,
    GITHUB_WORKFLOW_SHA: sha,
    RUNNER_ENVIRONMENT: 'github-hosted',
    ...(request.github ? { GITHUB_API_URL: request.github.apiUrl } : {}),
    // How this machine reaches npm's registry, and its cache: the service's own tests install packages.
    ...Object.fromEntries(
      networkSettings.flatMap(name => {
        const value = process.env[name]
        return value === undefined ? [] : [[name, value]]
      }),
    ),
    npm_config_userconfig: process.env['npm_config_userconfig'] ?? join(home, '.npmrc'),
    npm_config_cache: process.env['npm_config_cache'] ?? join(home, '.npm'),
    // Every process of the run carries it: what is left of a killed run is found by it.
    RUNBOOK_CALLER_RUN: markOf(request),
  }
}

function githubContext(
  { id }: GitHubRunRequest,
  { event, ref, sha }: Files,
  workflow: string,
): Record<string, unknown> {
  const [repository_owner] = repositoryName.split('/')
  return {
    ...{ event_name: event.name, event: event.payload, workflow, sha, ref },
    ref_name: ref.replace(/^refs\/(tags|heads)\//, ''),
    ref_type: ref.startsWith('refs/tags/') ? 'tag' : 'branch',
    ...{ repository: repositoryName, repository_owner, actor: 'org', triggering_actor: 'org' },
    ...{ run_id: String(id), run_number: String(id), run_attempt: '1' },
    ...{ server_url: 'https://github.com', api_url: 'https://api.github.com' },
  }
}

function markOf({ id }: GitHubRunRequest): string {
  return `${process.pid}-${id}`
}

function record(event: RunnerEvent, result: GitHubRunResult, folder: string): void {
  if (event.kind === 'log') {
    const time = new Date().toISOString().slice(11, 23)
    appendFileSync(join(folder, 'log.txt'), `${time} ${event.job ? `[${event.job}] ` : ''}${event.text}\n`)
  }
  if (event.kind === 'summary') appendFileSync(join(folder, 'summary.md'), event.markdown)
  if (event.kind === 'step-ended') {
    const { job, step, result: end, durationMs } = event
    result.steps.push({ job, step, result: end, durationMs })
  }
  const outcome = outcomeOf(event)
  if (!outcome) return
  result.outcomes.push(outcome)
  const number = String(result.outcomes.length).padStart(2, '0')
  const file = join(folder, `${number}-${outcome.step}-${outcome.environment}.json`)
  writeFileSync(file, `${JSON.stringify(outcome, null, 2)}\n`)
}
