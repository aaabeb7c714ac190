import { interruptions, type Interruption } from '../shared/outcome/interruption.ts'
import { isExpected, messageOf } from '../shared/outcome/errors.ts'
import { printableJson } from '../shared/outcome/printable.ts'
import type { Outcome } from '../shared/outcome/outcome.ts'
import { createAside } from '../shared/host/aside.ts'
import { receiveCredentials } from '../shared/commands/step/job-credentials.ts'
import { createRunner, type Runner } from '../shared/host/runner.ts'
import { outliveReaders, watchStrays } from '../shared/host/strays.ts'
import { renderMarkdown } from '../shared/report/markdown.ts'
import { renderClosing, renderText } from '../shared/report/text.ts'
import { writeOutcome } from '../shared/report/files.ts'
import { loadEnvironment } from '../shared/config/load.ts'
import { isWatched, type Environment } from '../shared/config/environment.ts'
import { parseInputs, secretInputs } from '../shared/commands/step/inputs.ts'
import type { TargetPorts } from '../shared/commands/step/ports.ts'
import type { Action } from './action.ts'
import type { Fields } from '../shared/commands/step/inputs.ts'
import { createPorts, createSignal } from '../shared/commands/step/machine.ts'
import { requireEngine } from '../shared/commands/check/require-engine.ts'

const actions = {
  'check-inputs': () => import('./check-inputs/index.ts'),
  'build-image': () => import('./build-image/index.ts'),
  'pre-deploy-check': () => import('./pre-deploy-check/index.ts'),
  'backup-db': () => import('./backup-db/index.ts'),
  'restore-db': () => import('./restore-db/index.ts'),
  deploy: () => import('./deploy/index.ts'),
  'health-gate': () => import('./health-gate/index.ts'),
  'smoke-test': () => import('./smoke-test/index.ts'),
  rollback: () => import('./rollback/index.ts'),
  'health-watch': () => import('./health-watch/index.ts'),
  promote: () => import('./promote/index.ts'),
}

export type ActionName = keyof typeof actions

/** Every action. */
export const actionNames = Object.keys(actions) as ActionName[]

/** Loads one action; only its own code is read. */
export async function loadAction(name: ActionName): Promise<Action<Fields>> {
  return (await actions[name]()).action
}

/** The main step of an action: reads the inputs, runs the step, reports, and fails the job when it did not succeed. */
export async function main(name: ActionName): Promise<void> {
  const runner = enter()
  await guarded(runner, async () => {
    const { action, environment, inputs, ports } = await prepare(name, runner)
    const parts: Outcome[] = []
    const work = () =>
      action.main(environment, inputs, ports, {
        read: key => runner.input(key),
        report: each => {
          parts.push(each)
          return show(runner, environment, each, ports)
        },
      })
    const outcome = await (action.post?.condition === 'always()'
      ? interruptible(runner, ports.signal, work)
      : work())
    if (action.post?.condition === 'success()') runner.saveState('outputs', JSON.stringify(outcome.outputs))
    putOut(runner, outcome)
    if (parts.length === 0) await show(runner, environment, outcome, ports)
    else await close(runner, environment, outcome, ports)
    const alarm = action.alarm?.(outcome, inputs)
    if (alarm) runner.annotate(alarm.level, `${name}: ${outcome.reason}`, alarm.message)
    if (!isWell(outcome) || alarm?.level === 'error') runner.fail()
    await ports.close()
  })
}

/**
 * The post step of an action. One that ends what `main` did warns when it cannot, and never fails the job: the job has
 * succeeded. One that makes up for a `main` that was interrupted fails when it cannot. Where there is nothing to do, nothing
 * is read and no code of the action is loaded.
 */
export async function post(name: ActionName): Promise<void> {
  const runner = enter()
  const outputs = runner.loadState('outputs')
  const interruption = interruptions.find(each => each === runner.loadState('interrupted'))
  if (outputs === '' && interruption === undefined) return
  try {
    const { action, environment, ports } = await prepare(name, runner)
    if (action.post?.condition === 'always()' && interruption) {
      const outcome = await action.post.run(environment, key => runner.input(key), interruption, ports)
      await show(runner, environment, outcome, ports)
      if (!isWell(outcome)) runner.fail()
    }
    if (action.post?.condition === 'success()') {
      const saved = JSON.parse(outputs) as Record<string, string>
      const outcome = await action.post.run(environment, saved, ports)
      if (outcome) await show(runner, environment, outcome, ports)
    }
    await ports.close()
  } catch (error) {
    runner.annotate(
      'warning',
      `${name} (post)`,
      `${messageOf(error)}. The next settle run finishes this release.`,
    )
    if (interruption) runner.fail()
  }
}

/**
 * Saves for the post step that the work has begun, that it was cancelled, and that it came to its end. A process that is
 * killed leaves what was saved last.
 */
async function interruptible<T>(runner: Runner, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const save = (state: Interruption | '') => runner.saveState('interrupted', state)
  const cancelled = () => save('cancelled')
  save('killed')
  signal.addEventListener('abort', cancelled)
  const ended = () => {
    signal.removeEventListener('abort', cancelled)
    save('')
  }
  try {
    const result = await work()
    ended()
    return result
  } catch (error) {
    // Nothing was begun. After any other error the post step looks for what is unfinished.
    if (isExpected(error)) ended()
    throw error
  }
}

function isWell({ status }: Outcome): boolean {
  return status !== 'failure' && status !== 'inconclusive'
}

/** The runner that this process is a step of; it may stop reading at any time. */
function enter(): Runner {
  outliveReaders([process.stdout, process.stderr])
  return createRunner()
}

async function prepare(name: ActionName, runner: Runner) {
  const action = await loadAction(name)
  for (const value of secretInputs(action.fields, name => runner.input(name))) runner.secrets.add(value)
  const inputs = parseInputs(action.fields, name => runner.input(name))
  const said = (key: string) => (typeof inputs[key] === 'string' ? inputs[key] : '')
  const credentials = receiveCredentials({
    env: runner.env,
    secrets: runner.secrets,
    environment: said('environment'),
    image: said('image'),
    token: said('github-token'),
  })
  process.once('exit', credentials.remove)
  const { envFile, backupEnvFile } = credentials
  const environment = loadEnvironment({
    root: runner.workspace,
    config: said('config'),
    environment: said('environment'),
    overrides: { url: said('url'), manifests: said('manifests'), envFile, backupEnvFile },
  })
  const { engine } = action
  if (engine === undefined || (engine === 'when-given' && runner.env['DOCKER_HOST'] !== undefined))
    requireEngine(environment, credentials.env)
  const signal = createSignal(process, action.timeoutMs?.(inputs) ?? 0)
  const stray = watchStrays(process, line => runner.log.error(line))
  const { log, secrets } = runner
  const machine = { log, secrets, env: credentials.env, pid: process.pid, signal, stray }
  const ports = createPorts(machine, environment, said('kubeconfig') || credentials.kubeconfig)
  return { action, environment, inputs, ports }
}

/** An input error before the step started, or a bug: one clear line. */
async function guarded(runner: Runner, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const reason = isExpected(error) ? 'input-invalid' : 'bug'
    const hint = isExpected(error) ? error.hint : 'This is a bug of runbook-actions: please report it.'
    runner.output('status', 'failure')
    runner.output('reason-code', reason)
    runner.annotate('error', reason, `${sentence(messageOf(error))} ${hint}`)
    if (!isExpected(error) && error instanceof Error) runner.log.error(error.stack ?? '')
    runner.fail()
  }
}

function putOut(runner: Runner, outcome: Outcome): void {
  const common = {
    status: outcome.status,
    'reason-code': outcome.reason,
    outcome: printableJson(outcome, 0),
    'duration-ms': String(outcome.durationMs),
  }
  for (const [name, value] of Object.entries({ ...common, ...outcome.outputs })) runner.output(name, value)
}

async function show(
  runner: Runner,
  environment: Environment,
  outcome: Outcome,
  ports: TargetPorts,
): Promise<void> {
  for (const line of renderText(outcome)) runner.log.info(line)
  if (!isWell(outcome)) {
    runner.annotate(
      'error',
      `${outcome.step}: ${outcome.reason}`,
      `${sentence(outcome.summary)} ${outcome.next}`.trim(),
    )
  }
  const aside = createAside(runner.log)
  await aside("The outcome's files", () => writeOutcome(environment.root, outcome))
  await aside('The job summary', () => runner.summary(renderMarkdown(outcome)))
  await tell(environment, outcome, ports)
}

/** What ended the whole was shown and annotated when it ended. */
async function close(
  runner: Runner,
  environment: Environment,
  outcome: Outcome,
  ports: TargetPorts,
): Promise<void> {
  for (const line of renderClosing(outcome)) runner.log.info(line)
  await createAside(runner.log)("The outcome's files", () => writeOutcome(environment.root, outcome))
  await tell(environment, outcome, ports)
}

async function tell(environment: Environment, outcome: Outcome, ports: TargetPorts): Promise<void> {
  if (!isWatched(environment)) return
  await createAside(ports.log)('What others are told', async () => {
    const { deliver } = await import('../shared/report/deliver.ts')
    await deliver(environment, outcome, 'run', ports)
  })
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}
