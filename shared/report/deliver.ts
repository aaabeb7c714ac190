import { messageOf } from '../outcome/errors.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { Clock } from '../host/clock.ts'
import { readGitHubPlace } from '../integrations/github/github-rest.ts'
import { openGitHub } from '../integrations/github/open-github.ts'
import { openGrafana, type Annotation } from '../integrations/observability/grafana.ts'
import type { Log } from '../host/log.ts'
import { pushMetrics } from '../integrations/observability/pushgateway.ts'
import type { RunInfo } from '../host/run.ts'
import { postToSlack } from '../integrations/observability/slack.ts'
import type { Environment } from '../config/environment.ts'
import { deploymentNewsOf, deploymentNewsOfStart, recordDeployment, type DeploymentNews } from './github.ts'
import { renderMetrics } from './metrics.ts'
import { newsOf, newsOfStart, type Beginning, type News, type Setting } from './news.ts'
import { renderSlack } from './slack.ts'
import { readTold } from './told.ts'

/** A run waits no longer than this for a system that is notified, milliseconds. */
const deliveryMs = 5_000

/** What has to be known of the machine. */
export interface Sender {
  log: Log
  /** GRAFANA_TOKEN, and the variables that the runbook names under `notify`, are read from it. */
  env: Record<string, string | undefined>
  run: RunInfo
  clock: Clock
}

/**
 * Tells the systems that the runbook names how a step ended: monitoring, Slack, GitHub. A release does not fail because
 * one of them does: that is only warned of. It does not heed that the step was cancelled either: that is news.
 */
export async function deliver(
  environment: Environment,
  outcome: Outcome,
  setting: Setting,
  sender: Sender,
): Promise<void> {
  const { pushgateway, grafana } = environment.monitoring
  const token = sender.env['GRAFANA_TOKEN']
  const annotation = annotationOf(outcome)
  const news = newsOf(outcome, setting)
  const deployment = deploymentNewsOf(outcome)
  await warnOfFailures(sender.log, [
    pushgateway ? push(pushgateway, outcome) : undefined,
    grafana && token && annotation ? annotate(grafana, token, annotation) : undefined,
    news && announce(environment, news, sender),
    deployment && record(environment, deployment, outcome.summary, sender),
  ])
}

/**
 * Tells Slack and GitHub, if the runbook names them, that a release begins to change the environment. Slack does not hear
 * it again from a run whose checks have announced it.
 */
export async function deliverStart(
  environment: Environment,
  beginning: Beginning,
  sender: Sender,
): Promise<void> {
  const news = newsOfStart(beginning)
  await warnOfFailures(sender.log, [
    readTold(environment.root, environment.name, sender.run, beginning.version).announced
      ? undefined
      : announce(environment, news, sender),
    record(environment, deploymentNewsOfStart(beginning), news.headline, sender),
  ])
}

async function warnOfFailures(log: Log, work: (Promise<void> | undefined)[]): Promise<void> {
  for (const each of await Promise.allSettled(work.filter(started => started !== undefined)))
    if (each.status === 'rejected') log.warn(messageOf(each.reason))
}

/** The mark of a step on the dashboards: the moments that people look for. Undefined when it changed nothing. */
function annotationOf({ outputs, ...outcome }: Outcome): Annotation | undefined {
  const { step: what } = outcome
  const restored = what === 'drill' ? [] : [outputs['restored-release-id'], outputs['restored-from']]
  const changed = outputs['changed'] === 'true' || restored.some(Boolean)
  if (!changed) return undefined
  const { step, status, summary, service, environment, startedAt, durationMs } = outcome
  const from = Date.parse(startedAt)
  return {
    from,
    to: from + durationMs,
    tags: ['runbook', service, environment, step, status],
    text: summary,
  }
}

function push(url: string, outcome: Outcome): Promise<void> {
  const { service, environment, step } = outcome
  const group: Parameters<typeof pushMetrics>[1] = [
    ['job', 'runbook-actions'],
    ['service', service],
    ['environment', environment],
    ['step', step],
  ]
  return pushMetrics(url, group, renderMetrics(outcome), deliveryMs)
}

async function annotate(url: string, token: string, annotation: Annotation): Promise<void> {
  const grafana = openGrafana(url, token, deliveryMs, new AbortController().signal)
  try {
    await grafana.annotate(annotation)
  } finally {
    grafana.close()
  }
}

async function announce({ notify }: Environment, news: News, sender: Sender): Promise<void> {
  const { env, log, clock, run } = sender
  if (notify.slack === '') return
  const webhook = env[notify.slack]
  if (!webhook) {
    log.warn(`${notify.slack} is not set: Slack is not told that ${news.headline}.`)
    return
  }
  const signal = new AbortController().signal
  await postToSlack(
    { webhook, from: notify.slack, clock, timeoutMs: deliveryMs, signal },
    renderSlack(news, run),
  )
}

async function record(
  { notify, service, name, url }: Environment,
  news: DeploymentNews,
  description: string,
  { env, log, clock, run }: Sender,
): Promise<void> {
  if (notify.github === '') return
  const token = env[notify.github]
  const place = readGitHubPlace(env)
  if (!token || !place) {
    const missing = token ? 'GITHUB_REPOSITORY' : notify.github
    log.warn(`${missing} is not set: GitHub does not record what serves ${name}.`)
    return
  }
  const signal = new AbortController().signal
  const github = openGitHub({ ...place, token, clock, timeoutMs: deliveryMs, signal })
  try {
    await recordDeployment(github, news, { service, environment: name, url, description, run })
  } finally {
    github.close()
  }
}
