import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { stringify } from 'yaml'
import type { Outcome } from '../../shared/outcome/outcome.ts'
import type { Lab } from '../lab/lab.ts'
import { outcomeOf, readEvents, type RunnerEvent } from './events.ts'
import { git } from './git.ts'
import { killAll, processesWith } from './processes.ts'

/** What starts a run: the push of a tag, or a person who dispatches a workflow. */
export type Trigger =
  | { event: 'push'; tag: string }
  | { event: 'workflow_dispatch'; workflow: string; inputs: Record<string, string> }

export interface RunRequest {
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
  secrets: Record<string, string>
  /** Ends the run as a killed runner would. */
  signal: AbortSignal
  onEvent?: (event: RunnerEvent) => void
}

export interface RunResult {
  success: boolean
  /** What each action put out, in order. */
  outcomes: Outcome[]
  /** Ended steps by `job: step`, with their results. */
  steps: { job: string; step: string; result: string; durationMs: number }[]
  /** Path of the log. */
  log: string
  durationMs: number
}

/**
 * Runs one workflow of the caller's repository on act, as GitHub would: from a fresh clone at the tag, with the secrets.
 * Writes log.txt, summary.md and one JSON file for each outcome into the folder.
 */
export async function runWorkflow(request: RunRequest): Promise<RunResult> {
  const { folder, trigger, signal, onEvent } = request
  signal.throwIfAborted()
  mkdirSync(folder, { recursive: true })
  const files = prepare(request)
  const startedAt = performance.now()
  const result: RunResult = { success: false, outcomes: [], steps: [], log: files.log, durationMs: 0 }
  const child = spawn(request.lab.act, argumentsOf(request, files), {
    cwd: files.copy,
    env: environmentOf(request),
    stdio: ['ignore', 'pipe', 'pipe'],
    // A Ctrl-C at the terminal reaches us alone; we pass it on.
    detached: true,
  })
  const onAbort = () => child.kill('SIGINT')
  signal.addEventListener('abort', onAbort, { once: true })
  const ended = once(child, 'close') as Promise<[number | null]>
  const take = (event: RunnerEvent) => {
    record(event, result, folder)
    onEvent?.(event)
  }
  try {
    const lines = [child.stdout, child.stderr].map(async stream => {
      for await (const line of createInterface(stream)) readEvents(line).forEach(take)
    })
    await Promise.all(lines)
    const [code] = await ended
    result.success = code === 0
  } finally {
    signal.removeEventListener('abort', onAbort)
    killAll(processesWith('RUNBOOK_CALLER_RUN', markOf(request)))
    for (const path of [files.copy, files.tree, files.secrets, files.cache])
      rmSync(path, { recursive: true, force: true })
  }
  signal.throwIfAborted()
  result.durationMs = performance.now() - startedAt
  const about = {
    trigger,
    success: result.success,
    durationMs: Math.round(result.durationMs),
    steps: result.steps,
  }
  writeFileSync(join(folder, 'run.json'), `${JSON.stringify(about, null, 2)}\n`)
  return result
}

interface Files {
  copy: string
  tree: string
  event: string
  secrets: string
  cache: string
  log: string
}

function prepare({ folder, repository, trigger, secrets, tree }: RunRequest): Files {
  const files = {
    copy: join(folder, 'working-copy'),
    tree: copyTree(tree, folder),
    event: join(folder, 'event.json'),
    secrets: join(folder, 'secrets.yml'),
    cache: join(folder, 'runner'),
    log: join(folder, 'log.txt'),
  }
  const branch = trigger.event === 'push' ? trigger.tag : 'main'
  rmSync(files.copy, { recursive: true, force: true })
  git(folder, '-c', 'advice.detachedHead=false', 'clone', '-q', '--branch', branch, repository, files.copy)
  // The runner reads the repository's name from here.
  git(files.copy, 'remote', 'set-url', 'origin', 'https://github.com/org/runbook-api')
  const event =
    trigger.event === 'push'
      ? { ref: `refs/tags/${branch}` }
      : { ref: `refs/heads/${branch}`, inputs: trigger.inputs }
  const repositoryOf = { full_name: 'org/runbook-api', name: 'runbook-api', default_branch: 'main' }
  writeFileSync(files.event, JSON.stringify({ ...event, repository: repositoryOf, sender: { login: 'org' } }))
  writeFileSync(files.secrets, stringify(secrets), { mode: 0o600 })
  return files
}

/** Of the third-party actions, those that act cannot carry out by itself. */
const setupNode = 'actions/setup-node@2028fbc5c25fe9cf00d9f06a71cc4710d4507903'

/** The tree with workflows that act's schema takes: it has no `environment.deployment` yet, which GitHub has since March 2026. */
function copyTree(tree: string, folder: string): string {
  const copy = join(folder, 'tree')
  rmSync(copy, { recursive: true, force: true })
  cpSync(tree, copy, { recursive: true })
  const workflows = join(copy, '.github/workflows')
  for (const name of readdirSync(workflows)) {
    const file = join(workflows, name)
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/^ +deployment: false\n/gm, ''))
  }
  return copy
}

function argumentsOf({ trigger, id }: RunRequest, files: Files): string[] {
  const workflow = trigger.event === 'push' ? 'release.yml' : trigger.workflow
  return [
    trigger.event,
    '--json',
    '--workflows',
    join('.github/workflows', workflow),
    '--eventpath',
    files.event,
    '--platform',
    'ubuntu-latest=-self-hosted',
    '--local-repository',
    `org/runbook-actions@v1=${files.tree}`,
    '--local-repository',
    `${setupNode}=${join(import.meta.dirname, 'setup-node')}`,
    '--secret-file',
    files.secrets,
    '--actor',
    'org',
    '--env',
    `GITHUB_RUN_ID=${id}`,
  ]
}

/** This machine's environment, without what would lead the actions to somewhere else than the lab. */
function environmentOf(request: RunRequest): Record<string, string | undefined> {
  const { lab, folder } = request
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(KUBE|AWS_|PG|GITHUB_|ACTIONS_|RUNNER_|INPUT_|npm_|NODE_(OPTIONS|ENV)|DOCKER_|CI$)/.test(name),
  )
  return {
    ...Object.fromEntries(kept),
    PATH: [lab.binDir, lab.postgres.binDir, process.env['PATH']].join(':'),
    DOCKER_HOST: lab.docker.host,
    NO_COLOR: '1',
    XDG_CACHE_HOME: join(folder, 'runner'),
    XDG_CONFIG_HOME: join(folder, 'runner'),
    // Every process of the run carries it: what is left of a killed run is found by it.
    RUNBOOK_CALLER_RUN: markOf(request),
  }
}

function markOf({ id }: RunRequest): string {
  return `${process.pid}-${id}`
}

function record(event: RunnerEvent, result: RunResult, folder: string): void {
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
