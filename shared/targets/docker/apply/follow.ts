import type { Evidence } from '../../../outcome/outcome.ts'
import type { Cause, FollowOptions, Rollout } from '../../target.ts'
import { portAnswers } from '../../answer.ts'
import { inspect, type ContainerDetail } from '../engine/containers.ts'
import { readSettledLog } from '../inspect/evidence.ts'
import { isBetweenRuns, judge, lastHealth, type Judgement } from './judge.ts'
import { answeringPort } from '../engine/ports.ts'
import type { Context } from '../engine/context.ts'

/** Docker tells of changes in its own time; a person does not notice less than this. */
const lookEveryMs = 250
/** The end of a log that tells why a process ended is seldom longer. */
const logLines = 40

/** Watches one container until it is ready, cannot become it any more, or its time is over. */
export async function watch(
  context: Context,
  id: string,
  role: 'service' | 'trial',
  options: FollowOptions,
): Promise<Rollout> {
  const { engine, adapters } = context
  const { clock } = adapters
  const { timeoutMs, signal } = options
  const giveUp = clock.elapsed() + timeoutMs
  let run = { startedAt: '', since: 0 }
  let oom = false
  let lastExit: number | undefined
  for (let told = ''; ;) {
    const detail = await inspect(engine, id)
    if (!detail) return doomed(gone(context, role))
    const now = clock.elapsed()
    if (detail.State.StartedAt !== run.startedAt) run = { startedAt: detail.State.StartedAt, since: now }
    // Docker forgets it when it starts the container again.
    oom ||= detail.State.OOMKilled
    if (detail.State.Status !== 'created' && isBetweenRuns(detail.State)) lastExit = detail.State.ExitCode
    const state = { ...detail.State, OOMKilled: oom }
    const judgement = judge(
      {
        detail: { ...detail, State: state },
        upMs: now - run.since,
        answers: await answers(context, detail, role),
        ...(lastExit === undefined ? {} : { lastExit }),
      },
      role,
    )
    if (judgement.kind === 'ready') return { kind: 'ready' }
    if (judgement.kind === 'doomed') return doomed(await causeOf(context, detail, judgement))
    if (now >= giveUp)
      return { kind: 'deadline', cause: await lateCause(context, detail, judgement, timeoutMs) }
    if (judgement.for !== told) {
      options.onProgress(`${nameOf(detail)} waits for ${judgement.for}.`)
      told = judgement.for
    }
    await clock.sleep(Math.min(lookEveryMs, giveUp - now), signal)
  }
}

/** What the container's own end says. */
async function causeOf(
  context: Context,
  detail: ContainerDetail,
  { class: kind, why }: Judgement & { kind: 'doomed' },
): Promise<Cause> {
  return {
    class: kind,
    message: `container ${nameOf(detail)} ${why}`,
    evidence: await evidenceOf(context, detail, why),
  }
}

async function lateCause(
  context: Context,
  detail: ContainerDetail,
  judgement: Judgement & { kind: 'waiting' },
  timeoutMs: number,
): Promise<Cause> {
  const health = lastHealth(detail)
  const seconds = Math.round(timeoutMs / 1_000)
  const why = `still waits for ${judgement.for} after ${seconds} s${health ? ` (${health})` : ''}`
  return {
    class: 'not-ready',
    message: `container ${nameOf(detail)} ${why}`,
    evidence: await evidenceOf(context, detail, why),
  }
}

async function evidenceOf(context: Context, detail: ContainerDetail, finding: string): Promise<Evidence[]> {
  const { adapters } = context
  const redact = (text: string) => adapters.secrets.redact(text)
  const log = await readSettledLog(context, detail, logLines)
  const said: Evidence = {
    subject: `container ${nameOf(detail)}`,
    finding: redact(finding),
    tone: 'bad',
    detail: log || 'Its log is empty.',
  }
  const health = detail.State.Health?.Log?.slice(-3).map(({ Output }) =>
    adapters.secrets.redactPiece(Output.trim()),
  )
  if (!health?.length) return [said]
  return [said, { subject: 'health check', finding: 'said last:', tone: 'note', detail: health.join('\n') }]
}

function gone({ names, engine }: Context, role: 'service' | 'trial'): Cause {
  const what = role === 'service' ? `container ${names.serving}` : 'the container on trial'
  return {
    class: 'gone',
    message: `${what} was removed from ${engine.place}, and not by this run`,
    evidence: [{ subject: what, finding: 'is not there any more', tone: 'bad' }],
  }
}

function doomed(cause: Cause): Rollout {
  return { kind: 'doomed', cause }
}

function nameOf({ Name }: ContainerDetail): string {
  return Name.replace(/^\//, '')
}

/** Asks where the engine publishes the port, and where people reach the service. */
async function answers(
  { engine, spec, environment }: Context,
  { State: state }: ContainerDetail,
  role: 'service' | 'trial',
): Promise<boolean | undefined> {
  if (role === 'trial' || !state.Running || state.Health) return undefined
  const port = answeringPort(spec.ports)
  if (!port) return undefined
  const bound = port.address === '' || port.address === '0.0.0.0' ? engine.host : port.address
  if (await portAnswers(bound, port.host)) return true
  const url = URL.parse(environment.url)
  if (!url) return false
  return portAnswers(url.hostname, Number(url.port || (url.protocol === 'https:' ? 443 : 80)))
}
