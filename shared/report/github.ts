import { ToolError } from '../outcome/errors.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { Deployment, DeploymentStatus, GitHub } from '../integrations/github/github.ts'
import type { RunInfo } from '../host/run.ts'
import type { Beginning } from './news.ts'

/** What a step's end means for the deployments that GitHub shows. */
export type DeploymentNews =
  | { kind: 'begun'; version: string; release: string }
  /** A release ended as the one that serves, or not. */
  | { kind: 'ended'; version: string; release: string; state: 'success' | 'failure' }
  /** An earlier version serves again. `state` says whether it is well. */
  | { kind: 'restored'; version: string; release: string; state: 'success' | 'failure' }

/** Undefined when it means nothing for them. */
export function deploymentNewsOf({
  step,
  status,
  reason,
  serving,
  outputs,
}: Outcome): DeploymentNews | undefined {
  const restored = outputs['restored-release-id'] ?? ''
  const state = status === 'success' ? 'success' : 'failure'
  if (['rollback', 'settle', 'finish'].includes(step) && restored !== '') {
    const verdict = outputs['verdict'] === 'healthy' ? 'success' : 'failure'
    return { kind: 'restored', version: serving, release: restored, state: verdict }
  }
  if (['finish', 'settle'].includes(step) && reason === 'settled-good')
    return { kind: 'ended', version: serving, release: '', state: 'success' }
  if (step !== 'deploy' || state === 'success') return undefined
  // A deploy that was refused names the release that serves in both.
  const release = outputs['release-id'] ?? ''
  if (release === '' || release === outputs['previous-release-id']) return undefined
  return { kind: 'ended', version: '', release, state: 'failure' }
}

export function deploymentNewsOfStart({ version, release }: Beginning): DeploymentNews {
  return { kind: 'begun', version, release }
}

/** What a record says beside its state. */
export interface RecordContext {
  service: string
  environment: string
  /** Where the service is reached; empty when it is not known. */
  url: string
  /** One sentence. */
  description: string
  run: RunInfo
}

/**
 * Keeps GitHub's record of what serves an environment true, also after a rollback: a deployment for each release, found
 * again by its payload, and a new one for a version that serves again.
 */
export async function recordDeployment(
  github: GitHub,
  news: DeploymentNews,
  context: RecordContext,
): Promise<void> {
  const { service, environment, url, description, run } = context
  const status = (state: DeploymentStatus['state']): DeploymentStatus => ({
    state,
    description,
    logUrl: run.url,
    environmentUrl: url,
  })
  const create = async (state: DeploymentStatus['state']): Promise<void> => {
    const { version, release } = news
    const payload = { service, version, release }
    const id = await createFrom(github, [version, news.kind === 'begun' ? run.sha : ''], {
      environment,
      description,
      payload,
    })
    await github.setDeploymentStatus(id, status(state))
  }
  if (news.kind === 'begun') return create('in_progress')

  const all = await github.deploymentsTo(environment)
  const own = all.filter(({ payload }) => payload['service'] === service)
  if (news.kind === 'ended') {
    const found = own.find(each => isOf(each, news))
    if (found) return github.setDeploymentStatus(found.id, status(news.state))
    return news.state === 'success' ? create('success') : undefined
  }
  const [newest] = own
  if (newest && !isOf(newest, news)) {
    const before = await github.deploymentState(newest.id)
    const after = before === 'success' ? 'inactive' : 'failure'
    if (before !== after) await github.setDeploymentStatus(newest.id, status(after))
  }
  return create(news.state)
}

function isOf({ payload }: Deployment, { version, release }: DeploymentNews): boolean {
  return release === '' ? payload['version'] === version : payload['release'] === release
}

/** A version that was released by hand may have no tag: then the commit of the run stands for it. */
async function createFrom(
  github: GitHub,
  refs: string[],
  deployment: { environment: string; description: string; payload: Record<string, string> },
): Promise<number> {
  const [ref = '', ...others] = refs.filter(each => each !== '')
  try {
    return await github.createDeployment({ ref, ...deployment })
  } catch (error) {
    const isUnknown = error instanceof ToolError && error.code === 422
    if (!isUnknown || others.length === 0) throw error
    return createFrom(github, others, deployment)
  }
}
