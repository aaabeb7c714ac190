import type { Evidence } from '../../../outcome/outcome.ts'
import type { ReleaseId } from '../../../release/ledger.ts'
import type { Cause, MigrateOptions, Migrated, Rollout } from '../../target.ts'
import { planApply, type Applying } from '../apply/apply.ts'
import { changeFenced } from '../apply/change-fenced.ts'
import type { Fence, Work } from '../apply/fence.ts'
import { followRollout } from '../rollout/follow.ts'
import { isMigration } from './marks.ts'
import { copySuffix, migrationsOf, type Migration } from './migrations.ts'
import { describe, stamps, type KubeObject } from '../manifests/objects.ts'
import { removeOwn } from '../apply/prune.ts'
import type { KubernetesBody } from '../apply/body.ts'
import type { Place } from '../state/place.ts'

/** How often a Job of another release is asked whether it has ended. */
const askMs = 1_000
/** Of a migration's log that goes into the output. */
const logLines = '200'
const logBytes = '65536'
/** No other writer changes what is made for a migration. */
const alone: Applying = { scaled: new Set(), conflicts: 'take' }

/**
 * Runs the migrations of a release one after the other, each to its end. One that is under way for another release is
 * waited for first: two never run at once, and none is stopped half-way but by its own deadline.
 */
export async function migrateRelease(
  place: Place,
  fence: Fence,
  id: ReleaseId,
  body: KubernetesBody,
  options: MigrateOptions,
): Promise<Migrated> {
  const { clock } = place.adapters
  const giveUp = clock.elapsed() + options.timeoutMs
  const planned = migrationsOf(body, id, place.service, options.timeoutMs)
  if (planned.length === 0) return { kind: 'none' }
  const found = await awaitOthers(place, fence, id, giveUp, options)
  if ('cause' in found) return { kind: 'failed', cause: found.cause }
  const done = new Set([...options.done, ...found.completed])
  const evidence: Evidence[] = []
  for (const migration of planned) {
    const subject = describe(migration.job)
    if (done.has(migration.digest)) {
      options.onProgress(`${subject} has run to its end in an earlier attempt: it is not run again.`)
      await options.onDone(migration.digest)
      continue
    }
    const { rollout, log } = await runOne(place, fence, migration, {
      ...options,
      timeoutMs: giveUp - clock.elapsed(),
    })
    if (rollout.kind !== 'ready') return { kind: 'failed', cause: withLog(rollout.cause, subject, log) }
    await options.onDone(migration.digest)
    evidence.push({
      subject,
      finding: 'ran to its end',
      tone: 'good',
      ...(log === '' ? {} : { detail: log }),
    })
  }
  return { kind: 'done', evidence }
}

async function runOne(
  place: Place,
  fence: Fence,
  { job, copies, prerequisites }: Migration,
  options: MigrateOptions,
): Promise<{ rollout: Rollout; log: string }> {
  await changeFenced(fence, [
    ...copies.map((object): Work => ({ object, plan: live => planApply(object, live, alone) })),
    ...prerequisites.map((object): Work => ({
      object,
      plan: live => (live ? [] : planApply(object, live, alone)),
    })),
  ])
  options.onProgress(`Running ${describe(job)}.`)
  await changeFenced(fence, [{ object: job, plan: live => (live ? [] : planApply(job, live, alone)) }])
  const rollout = await followRollout(place, [job], options)
  const log = await readLog(place, job)
  for (const line of log.split('\n').filter(Boolean)) options.onProgress(`${job.metadata.name}: ${line}`)
  await removeOwn(fence, copies, place)
  return { rollout, log }
}

/** Migrations that other releases left behind: those that run are waited for, those that ended are removed. */
async function awaitOthers(
  place: Place,
  fence: Fence,
  id: ReleaseId,
  giveUp: number,
  options: MigrateOptions,
): Promise<{ completed: string[] } | { cause: Cause }> {
  const { clock } = place.adapters
  for (let told = ''; ;) {
    const others = (await listMigrations(place)).filter(
      ({ metadata }) => metadata.labels?.[stamps.release] !== id,
    )
    const running = others.find(isRunning)
    if (!running) {
      const completed = others.filter(job => conditionOf(job) === 'Complete').map(digestOf)
      await removeOwn(fence, others, place)
      return { completed }
    }
    const said = `${describe(running)} of an earlier release is still running`
    if (said !== told) options.onProgress(`${said}: it is waited for, since two never run at once.`)
    told = said
    if (clock.elapsed() >= giveUp) return { cause: stillRunning(running, said) }
    await clock.sleep(askMs, options.signal)
  }
}

function stillRunning({ metadata }: KubeObject, said: string): Cause {
  const finding = `${said}, until its activeDeadlineSeconds are over; to stop it now: kubectl delete job ${metadata.name}`
  const evidence: Evidence[] = [{ subject: `Job ${metadata.name}`, finding, tone: 'bad' }]
  return { class: 'migration-running', message: said, evidence }
}

/**
 * Of objects that are about to be removed, those that may be. A migration that runs is left to end, with what it reads:
 * stopped half-way it would leave its tool's lock behind, or half of its work. The release that serves can live with it,
 * or it would have been refused.
 */
export async function spareMigrations(place: Place, objects: KubeObject[]): Promise<KubeObject[]> {
  if (!objects.some(isMigration)) return objects
  const running = (await listMigrations(place)).filter(isRunning)
  if (running.length === 0) return objects
  const releases = new Set(running.map(({ metadata }) => metadata.labels?.[stamps.release]))
  for (const job of running)
    place.adapters.log.warn(`${describe(job)} still runs; it is left to end by itself.`)
  return objects.filter(object => {
    const needed = isMigration(object) || object.metadata.name.endsWith(copySuffix)
    return !(needed && releases.has(object.metadata.labels?.[stamps.release]))
  })
}

/** The Jobs of this service's migrations that are there, whichever release they are of. */
async function listMigrations({ client, namespace, service }: Place): Promise<KubeObject[]> {
  const labelSelector = `${stamps.service}=${service},${stamps.migration}=true`
  const { items } = await client.list(`/apis/batch/v1/namespaces/${namespace}/jobs`, { labelSelector })
  return items.map(item => ({ ...item, apiVersion: 'batch/v1', kind: 'Job' }))
}

function isRunning(job: KubeObject): boolean {
  return conditionOf(job) === undefined && job.metadata.deletionTimestamp === undefined
}

function conditionOf({ status }: KubeObject): 'Complete' | 'Failed' | undefined {
  const { conditions = [] } = (status ?? {}) as { conditions?: { type: string; status: string }[] }
  const held = (type: string) => conditions.some(each => each.type === type && each.status === 'True')
  return held('Complete') ? 'Complete' : held('Failed') ? 'Failed' : undefined
}

function digestOf({ metadata }: KubeObject): string {
  return metadata.annotations?.[stamps.migrationDigest] ?? ''
}

/** What the newest pod of a Job wrote; empty when it wrote nothing, or has no log to give. */
async function readLog({ client, namespace, adapters }: Place, { metadata }: KubeObject): Promise<string> {
  const pods = `/api/v1/namespaces/${namespace}/pods`
  const { items } = await client.list(pods, { labelSelector: `job-name=${metadata.name}` })
  const newest = items
    .toSorted((a, b) =>
      (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1,
    )
    .at(-1)
  if (!newest) return ''
  const query = { tailLines: logLines, limitBytes: logBytes }
  const text = await client.text(`${pods}/${newest.metadata.name}/log`, query)
  return adapters.secrets.redactPiece(text ?? '').trimEnd()
}

function withLog(cause: Cause, subject: string, log: string): Cause {
  const told = cause.evidence.some(({ detail }) => detail !== undefined && log.includes(detail))
  if (log === '' || told) return cause
  const evidence: Evidence = {
    subject: `log of ${subject}`,
    finding: 'the last lines:',
    tone: 'note',
    detail: log,
  }
  return { ...cause, evidence: [...cause.evidence, evidence] }
}
