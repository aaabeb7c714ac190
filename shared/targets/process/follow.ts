import type { Cause, FollowOptions, Rollout } from '../target.ts'
import { portAnswers } from '../answer.ts'
import { tailOf } from './log.ts'
import type { Context } from './places.ts'
import { readInstances, type App } from './pm2.ts'

/** Each look starts pm2's command, which takes a good part of a second by itself. */
const lookEveryMs = 250
/** pm2 itself takes an app that has run for a second for stable (`min_uptime`); a little more, for its clock. */
const steadyMs = 1_500
const restartsOfALoop = 3

/** Watches the app until it is ready, cannot become it any more, or its time is over. */
export async function watchApp(context: Context, logFrom: number, options: FollowOptions): Promise<Rollout> {
  const { clock } = context.adapters
  const { timeoutMs, signal } = options
  const giveUp = clock.elapsed() + timeoutMs
  for (let told = ''; ;) {
    const judgement = await judgeAll(context, await readInstances(context))
    if (judgement === 'ready') return { kind: 'ready' }
    if ('class' in judgement) return { kind: 'doomed', cause: causeOf(context, logFrom, judgement) }
    if (clock.elapsed() >= giveUp) {
      const why = `still waits for ${judgement.for} after ${Math.round(timeoutMs / 1_000)} s`
      return { kind: 'deadline', cause: causeOf(context, logFrom, { class: 'not-ready', why }) }
    }
    if (judgement.for !== told) options.onProgress(`${context.spec.app} waits for ${judgement.for}.`)
    told = judgement.for
    await clock.sleep(lookEveryMs, signal)
  }
}

type Judgement = 'ready' | { for: string } | { class: string; why: string }

/** In cluster mode the app has several processes: the one that is worst off counts. */
async function judgeAll(context: Context, instances: App[]): Promise<Judgement> {
  const [first, ...others] = await Promise.all(
    (instances.length === 0 ? [undefined] : instances).map(each => judge(context, each)),
  )
  const all = [first ?? 'ready', ...others]
  const ill = all.find(each => each !== 'ready' && 'class' in each)
  return ill ?? all.find(each => each !== 'ready') ?? 'ready'
}

async function judge({ environment, adapters }: Context, app: App | undefined): Promise<Judgement> {
  if (!app) return { class: 'gone', why: 'is not known to pm2 any more' }
  const { status, unstable_restarts: restarts, exit_code: code, pm_uptime: since } = app.pm2_env
  const ended = `ended with exit code ${code ?? 'unknown'}`
  if (status === 'errored' || restarts >= restartsOfALoop)
    return { class: 'crash-loop', why: `${ended}, and was restarted ${restarts} times` }
  if (status === 'stopped') return { class: 'crash', why: ended }
  if (status !== 'online') return { for: `pm2, which says ${status}` }
  if (adapters.clock.now() - since < steadyMs) return { for: 'staying up' }
  const url = URL.parse(environment.url)
  if (!url) return 'ready'
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  return (await portAnswers(url.hostname, port)) ? 'ready' : { for: `an answer at ${url.origin}` }
}

function causeOf(
  context: Context,
  logFrom: number,
  { class: kind, why }: { class: string; why: string },
): Cause {
  const { app } = context.spec
  const log = tailOf(context, 40, logFrom)
  return {
    class: kind,
    message: `app ${app} ${why}`,
    evidence: [{ subject: `app ${app}`, finding: why, tone: 'bad', detail: log || 'Its log is empty.' }],
  }
}
