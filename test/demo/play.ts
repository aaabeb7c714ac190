import { writeFileSync } from 'node:fs'
import { dirname, join as pathOf } from 'node:path'
import { parse } from 'yaml'
import type { Outcome } from '../../shared/outcome/outcome.ts'
import { showDuration } from '../../shared/config/values.ts'
import type { RunnerEvent } from '../caller/events.ts'
import { runWorkflow, type RunResult, type Trigger } from '../caller/run.ts'
import type { Service } from '../caller/service.ts'
import { readState } from '../caller/state.ts'
import type { Lab } from '../lab/lab.ts'
import { kubectl } from '../lab/tenancy.ts'
import { rollbackOf, type Act, type Aftermath } from './acts.ts'
import type { Checks } from './checks.ts'
import { awaitService, startClient, type Count, type ServiceClient } from './client.ts'
import type { Show } from './show.ts'

export interface Play {
  acts: Act[]
  lab: Lab
  service: Service
  secrets: Record<string, string>
  tree: string
  folder: string
  show: Show
  check: Checks['check']
  signal: AbortSignal
  /** What has to be undone at the end, last first. */
  undo: (() => Promise<unknown>)[]
}

interface Played {
  act: Act
  run: RunResult
  client: Count
}

/** Plays the acts one after the other while a client uses production, and tells at the end how it fared. */
export async function play(play: Play): Promise<void> {
  const { acts, show } = play
  const played: Played[] = []
  let client: ServiceClient | undefined
  let count: Count | undefined
  // The client comes as soon as production has something to serve.
  const join = async () => {
    await awaitService(play.service.productionUrl, play.signal)
    client = startClient(play.service.productionUrl)
    play.undo.push(() => client?.stop() ?? Promise.resolve())
    count = client.phase()
    show.line('a client begins to call production, 20 times a second')
  }
  let joining: Promise<void> | undefined
  let before = await states(play)
  for (const [index, act] of acts.entries()) {
    show.act(act.title)
    count = client?.phase()
    const run = await perform(play, act, index + 1, event => {
      show.event(event)
      if (event.kind === 'step-started' && event.job === 'promote production' && event.step === 'Promote')
        joining ??= join()
    })
    await joining
    if (!count) throw new Error(`nothing was deployed to production: see ${run.log}`)
    const after = await states(play)
    act.verify(
      { run, ...after, before, client: count, config: await readConfig(play) },
      { check: play.check, failed: [] },
    )
    await keepEvents(play, run)
    played.push({ act, run, client: count })
    before = after
  }
  await client?.stop()
  tell(played, show)
}

async function perform(
  { lab, service, secrets, tree, folder, signal }: Play,
  act: Act,
  number: number,
  onEvent: (event: RunnerEvent) => void,
): Promise<RunResult> {
  const trigger = triggerOf(service, act)
  return runWorkflow({
    lab,
    tree,
    repository: service.folder,
    folder: pathOf(folder, `${number}-${trigger.event === 'push' ? trigger.tag : 'rollback'}`),
    id: number,
    trigger,
    secrets,
    signal,
    onEvent,
  })
}

function triggerOf(service: Service, { trigger, illness }: Act): Trigger {
  if ('push' in trigger) {
    service.release(trigger.push, illness)
    return { event: 'push', tag: trigger.push }
  }
  const inputs = { environment: 'production', to: trigger.rollback }
  return { event: 'workflow_dispatch', workflow: 'rollback.yml', inputs }
}

async function states({ lab, service }: Play): Promise<Pick<Aftermath, 'staging' | 'production'>> {
  return {
    staging: await readState(lab, service, 'staging'),
    production: await readState(lab, service, 'production'),
  }
}

/** What Kubernetes said of itself meanwhile, for the engineer who has to find out why. */
async function keepEvents({ lab, service }: Play, { log }: RunResult): Promise<void> {
  const of = ['--namespace', service.namespace]
  const events = await kubectl(lab, 'get', 'events', ...of, '--sort-by=.metadata.creationTimestamp')
  const pods = await kubectl(lab, 'get', 'pods', ...of, '--output=wide')
  writeFileSync(pathOf(dirname(log), 'cluster.txt'), `${pods}\n${events}`)
}

async function readConfig({ lab, service }: Play): Promise<Record<string, string>> {
  const args = ['get', 'configmap', 'runbook-api-config', '--namespace', service.namespace, '--output=yaml']
  const { data } = parse(await kubectl(lab, ...args)) as { data: Record<string, string> }
  return data
}

function tell(played: Played[], show: Show): void {
  show.act('in short')
  for (const { act, run, client } of played) {
    const injected =
      client.injected > 0 ? `, ${client.injected} failed by the illness that was switched on` : ''
    show.line(
      `${act.title}: ${showDuration(run.durationMs)}; ${client.requests} requests, ${client.failed} failed${injected}`,
    )
    for (const failure of client.failures) show.line(`  ${failure}`)
    for (const environment of ['staging', 'production']) {
      const back = rollbackOf(run, environment)
      if (back) show.line(`  ${environment} recovered: ${describeRecovery(back)}`)
    }
    if (client.injected > 0) show.line(`  the client met failures for ${showDuration(client.troubledMs)}`)
  }
  const sum = (name: 'requests' | 'failed' | 'injected') =>
    played.reduce((total, { client }) => total + client[name], 0)
  show.line(
    `${sum('requests')} requests made, ${sum('failed')} failed; ${sum('injected')} more failed because v1.2.0 was told to fail them`,
  )
}

function describeRecovery({ timings, durationMs, summary }: Outcome): string {
  const took = timings.find(({ phase }) => phase === 'rollback')?.ms ?? durationMs
  return `${showDuration(took)} for the rollback with its gate. ${summary}`
}
