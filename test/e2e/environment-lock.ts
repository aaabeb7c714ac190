import {
  adopt,
  advance,
  beginRestore,
  closeGood,
  endRestore,
  intend,
  type ReleaseId,
} from '../../shared/release/ledger.ts'
import type { Holder } from '../../shared/release/lease.ts'
import type {
  Change,
  FollowOptions,
  Payload,
  Rollout,
  Target,
  EnvironmentLock,
} from '../../shared/targets/target.ts'

const at = '2026-01-01T00:00:00.000Z'

/** A run that asks for the lease. */
export function run(name: string, attempt = 1): Holder {
  return {
    run: name,
    attempt,
    job: 'deploy',
    title: `run ${name} of org/probe`,
    url: `https://github.com/org/probe/runs/${name}`,
  }
}

/** Takes the lease, which must be to be had. */
export async function takeFree(
  target: Target,
  holder: Holder,
  deadlineMs = 60_000,
): Promise<EnvironmentLock> {
  const taken = await target.take(holder, 'work', deadlineMs)
  if ('held' in taken) throw new Error(`held by ${taken.held.holder.title}`)
  if ('hold' in taken) throw new Error(`on hold by ${taken.hold.by}`)
  return taken
}

/** What the deploy step does at its first contact with a workload that something else created. */
export async function adoptServing(lock: EnvironmentLock): Promise<Payload> {
  const found = await lock.adopt()
  if (!found) throw new Error('nothing was there to be recorded')
  const { version, image, payload } = found
  await lock.update(ledger =>
    adopt(ledger, { version, image, by: 'ada', run: '1', runUrl: '', intendedAt: at }),
  )
  await lock.store('r0', payload)
  return payload
}

export interface Released {
  id: ReleaseId
  payload: Payload
  changes: Change[]
  rollout: Rollout
  progress: string[]
}

/** What the deploy step does with a lock, without its words. */
export async function release(
  target: Target,
  lock: EnvironmentLock,
  version: string,
  image: string,
  config: Record<string, string> = {},
): Promise<Released> {
  const payload = await target.render({ version, image, config })
  const written = intend(lock.ledger, { version, image, by: 'ada', run: '1', runUrl: '', intendedAt: at })
  await lock.update(() => written.ledger)
  await lock.store(written.id, payload)
  await lock.prepare(written.id, payload)
  const changes = await lock.apply(written.id, payload)
  await lock.update(ledger => advance(ledger, written.id, 'applied'))
  const { rollout, progress } = await follow(lock, written.id, payload)
  if (rollout.kind === 'ready') await lock.update(ledger => advance(ledger, written.id, 'ready'))
  return { id: written.id, payload, changes, rollout, progress }
}

export async function follow(
  lock: EnvironmentLock,
  id: ReleaseId,
  payload: Payload,
  timeoutMs = 60_000,
  release: FollowOptions['release'] = 'new',
): Promise<{ rollout: Rollout; progress: string[] }> {
  const progress: string[] = []
  const rollout = await lock.follow(id, payload, {
    release,
    timeoutMs,
    signal: new AbortController().signal,
    onProgress: line => void progress.push(line),
  })
  return { rollout, progress }
}

export async function recordGood(lock: EnvironmentLock, id: ReleaseId): Promise<void> {
  await lock.removeReplaced(id)
  await lock.update(ledger => closeGood(ledger, id, at))
}

/** What the rollback step does with a lock. */
export async function bringBack(
  target: Target,
  lock: EnvironmentLock,
  back: ReleaseId,
  from: ReleaseId,
): Promise<Change[]> {
  const [payload, withdrawn] = [await target.recall(back), await target.recall(from)]
  if (!payload) throw new Error(`no record of ${back}`)
  await lock.update(ledger => beginRestore(ledger, back, at, 'a test says so'))
  const changes = await lock.restore(back, payload, withdrawn)
  const { rollout } = await follow(lock, back, payload, 60_000, 'proven')
  if (rollout.kind !== 'ready') throw new Error(`${back} did not come back: ${rollout.cause.message}`)
  await lock.update(endRestore)
  return changes
}
