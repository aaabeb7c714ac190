import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { stringify } from 'yaml'
import type { Lab } from '../lab/lab.ts'
import { openOwnEngine } from './own-engine.ts'
import { cancelStep, outlivesCancellation, type CancelTimes } from './cancel-job.ts'
import { readEvents, type RunnerEvent } from './events.ts'
import { resolve, toText } from './github/expressions.ts'
import type { JobEnd, JobOrder } from './github/run-workflow.ts'
import { keepOutputs, masksOf } from './github/secrets.ts'
import type { Repositories } from './github/workflow.ts'
import { makeMachine, pathFor } from './machine.ts'
import { killAll, processesWith } from './processes.ts'

/** What all jobs of a run have in common. */
export interface RunnerSettings {
  lab: Lab
  /** Belongs to this job alone. */
  folder: string
  /** Working copy that `actions/checkout` copies. */
  copy: string
  repositories: Repositories
  event: { name: string; file: string }
  /** Beside what the runner itself sets; for every process of the run. */
  environment: Record<string, string>
  times: CancelTimes
  onEvent: (event: RunnerEvent) => void
}

/** Runs one job on a machine of its own with act, as GitHub's runner would, and gives what GitHub learns of its end. */
export async function runJob(
  order: JobOrder,
  cancelled: AbortSignal,
  settings: RunnerSettings,
): Promise<JobEnd> {
  const { lab, folder, copy, onEvent, times } = settings
  mkdirSync(folder, { recursive: true })
  const files = { job: join(folder, 'job.yml'), secrets: join(folder, 'secrets.yml') }
  writeFileSync(files.job, stringify(order.file))
  writeFileSync(files.secrets, stringify(order.secrets), { mode: 0o600 })
  const engine = await openOwnEngine(lab.docker.host, join(folder, 'docker.sock'))
  const machine = makeMachine(lab, folder, `runner-${randomUUID().slice(0, 8)}`, engine.socket)
  const tracking = `github_${randomUUID()}`
  const [program = '', ...args] = [...machine.enter, lab.act, ...argumentsOf(settings, files, tracking)]
  const watch = watchSteps(order)
  const child = spawn(program, args, {
    cwd: copy,
    env: {
      ...{ LANG: 'C.UTF-8', USER: 'runner', LOGNAME: 'runner', NO_COLOR: '1' },
      ...{ HOME: machine.home, TMPDIR: machine.temp },
      PATH: pathFor(lab, machine, process.env['PATH'] ?? ''),
      ...settings.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A Ctrl-C at the terminal reaches us alone; we pass it on.
    detached: true,
  })
  const over = new AbortController()
  const end = once(child, 'close') as Promise<[number | null]>
  const kill = () => killAll(processesWith('RUNNER_TRACKING_ID', tracking))
  const cancel = () => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      kill()
    }, times.jobMs)
    over.signal.addEventListener('abort', () => clearTimeout(timer))
    if (child.pid === undefined) return
    if (watch.outlives()) child.kill('SIGINT')
    else void cancelStep(child.pid, machine.holdsSteps, times, over.signal)
  }
  if (cancelled.aborted) cancel()
  else cancelled.addEventListener('abort', cancel, { once: true })
  try {
    const lines = [child.stdout, child.stderr].map(async stream => {
      for await (const line of createInterface(stream))
        for (const event of readEvents(line)) {
          watch.see(event)
          onEvent({ ...event, job: order.name })
        }
    })
    await Promise.all(lines)
    const [code] = await end
    const result = cancelled.aborted ? 'cancelled' : code === 0 ? 'success' : 'failure'
    return { result, outputs: outputsOf(order, watch, result, onEvent) }
  } finally {
    over.abort()
    cancelled.removeEventListener('abort', cancel)
    kill()
    await engine.close()
    for (const path of [files.secrets, machine.home, machine.temp])
      rmSync(path, { recursive: true, force: true })
  }
}

function argumentsOf(
  { copy, event, repositories, environment }: RunnerSettings,
  files: { job: string; secrets: string },
  tracking: string,
): string[] {
  const variables = { ...environment, RUNNER_TRACKING_ID: tracking }
  return [
    event.name,
    ...['--json', '--directory', copy, '--workflows', files.job, '--eventpath', event.file],
    ...['--platform', 'ubuntu-latest=-self-hosted', '--actor', 'org', '--secret-file', files.secrets],
    // Files of the caller's repository with these names are no settings on GitHub.
    ...['--env-file', '--var-file', '--input-file'].flatMap(option => [option, '/dev/null']),
    ...Object.entries(repositories).flatMap(([name, path]) => ['--local-repository', `${name}=${path}`]),
    ...Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
  ]
}

interface StepWatch {
  see(event: RunnerEvent): void
  /** Whether what runs now goes on when the job is cancelled. */
  outlives(): boolean
  steps: Record<string, { outputs: Record<string, string>; outcome: string; conclusion: string }>
  masks: Set<string>
}

/** Keeps what the end of a job depends on. */
function watchSteps({ file, id, secrets }: JobOrder): StepWatch {
  const { jobs } = file as { jobs: Record<string, { steps: { id?: string; if?: string | boolean }[] }> }
  const steps: StepWatch['steps'] = {}
  const masks = new Set(Object.values(secrets).flatMap(masksOf))
  const step = (key: string) => (steps[key] ??= { outputs: {}, outcome: '', conclusion: '' })
  let outlives = false
  return {
    steps,
    masks,
    outlives: () => outlives,
    see(event) {
      if (event.kind === 'mask') masksOf(event.value).forEach(mask => masks.add(mask))
      if (event.kind === 'output') step(event.id).outputs[event.name] = event.value
      if (event.kind === 'step-ended')
        Object.assign(step(event.id), { outcome: event.result, conclusion: event.result })
      if (event.kind !== 'step-started') return
      const found = jobs[id]?.steps.find((each, at) => (each.id ?? String(at)) === event.id)
      // What comes after a job's steps runs whatever became of them.
      outlives = event.stage === 'Post' || outlivesCancellation(found?.if)
    },
  }
}

function outputsOf(
  order: JobOrder,
  { steps, masks }: StepWatch,
  status: string,
  onEvent: (event: RunnerEvent) => void,
): Record<string, string> {
  const runner = { secrets: order.secrets, steps, job: { status }, env: {}, runner: {} }
  const contexts = { ...order.contexts, ...runner }
  const outputs = Object.entries(order.outputs).map(([name, value]) => [
    name,
    toText(resolve(value, contexts)),
  ])
  const { kept, skipped } = keepOutputs(Object.fromEntries(outputs) as Record<string, string>, masks)
  for (const name of skipped) {
    const text = `Skip output '${name}' since it may contain secret.`
    onEvent({ kind: 'log', job: order.name, text })
  }
  return kept
}
