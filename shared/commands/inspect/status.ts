import type { Evidence, Outcome } from '../../outcome/outcome.ts'
import { describeActor, listIdentities } from '../../release/identity.ts'
import { describeHold } from '../../release/hold.ts'
import type { Lease } from '../../release/lease.ts'
import { find, inPlace, unsettled, type Entry, type Ledger } from '../../release/ledger.ts'
import { provenanceOf, type Provenance } from '../../release/provenance.ts'
import {
  describeDifference,
  liveVersions,
  nameReceiver,
  versionOf,
  type Receiver,
} from '../../release/receiver.ts'
import type { Environment } from '../../config/environment.ts'
import { showMinute } from '../../config/values.ts'
import type { Drift } from '../../targets/target.ts'
import { commonFields, targetFields, type Fields, type Inputs } from '../step/inputs.ts'
import type { TargetPorts } from '../step/ports.ts'
import { runStep } from '../step/step.ts'
import { describeHolder } from '../step/held-lock.ts'
import { unlockAdvice } from '../operate/unlock.ts'

export const statusFields = { ...commonFields, ...targetFields } satisfies Fields

/** The outputs: for scripts, by `--json`. */
interface StatusOutputs {
  /** Id of the release that receives traffic now, as the cluster, the engine or pm2 shows it; empty when nothing does, or nothing that is recorded. */
  'live-release': string
  /** Its version. While several receive traffic, that of most instances. */
  'live-version': string
  /** Its image, with the digest where it is known; of a process, its commit or folder. */
  'live-image': string
  /** Since when, ISO 8601; empty when it is not known. */
  'live-since': string
  /** What made it live: `deploy`, `rollback`, `recovery` (of a run that did not end), `adoption` (it was there before), `by-hand` (nothing that is recorded), or empty. */
  'live-act': string
  /** Who did that, as its run claims; empty when it is not known. */
  'live-by': string
  /** The same, as the target or GitHub verified it; empty when neither did. */
  'live-identity': string
  /** `true` when what is live passed its gate then, or was healthy after its rollback. */
  verified: string
  /** `true` when something else than the last good release receives traffic, or nothing does. */
  differs: string
  /** Id of the last good release, as the history has it. */
  'release-id': string
  /** Its version. */
  version: string
  /** The image that the workload names. */
  image: string
  /** `true` when every instance of the workload is of one release and ready. */
  ready: string
  /** `true` when something of it was changed by hand. */
  drifted: string
  /** The run that holds the environment; empty when none does. */
  'lease-holder': string
  /** When its lock ends at the latest, ISO 8601. */
  'lease-until': string
  /** Who keeps runs away, since when and why; empty when there is no hold. */
  hold: string
  /** What a run has begun and not ended. */
  unfinished: string
}

/**
 * What receives traffic, since when, by which act, and whether that was verified; whether it is the last good release;
 * who holds the lease and until when; a hold; what is unfinished; and what was changed by hand. Changes nothing.
 */
export function status(
  environment: Environment,
  _inputs: Inputs<typeof statusFields>,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = { step: 'status', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'tool-failed', async () => {
    const target = await ports.openTarget()
    const [{ ledger, lease }, live, receivers] = await Promise.all([
      target.read(),
      target.live(),
      target.receivers(),
    ])
    const good = find(ledger, ledger.serving)
    const unfinished = describeUnfinished(ledger)
    const difference = describeDifference(ledger, receivers)
    const evidence: Evidence[] = []
    if (difference !== '') evidence.push({ subject: 'live', finding: difference, tone: 'bad' })
    evidence.push(...receivers.map(each => describeReceiver(each, ledger)))
    if (ledger.hold) {
      evidence.push({ subject: 'hold', finding: describeHold(ledger.hold), tone: 'warn' })
    }
    if (lease) {
      evidence.push({ subject: 'lock', finding: describeHolder(lease, ports.clock.now()), tone: 'note' })
    }
    if (unfinished) evidence.push({ subject: 'unfinished', finding: unfinished, tone: 'warn' })
    // In the middle of a change, what is there is this suite's own work.
    const drift = good && !unfinished && difference === '' ? await target.drift() : []
    evidence.push(...drift.map(describeDrift))
    if (inPlace(ledger) && !unfinished && !live.ready) {
      evidence.push({ subject: 'ready', finding: `${live.image || 'nothing'} is not ready`, tone: 'bad' })
    }
    const [first] = receivers
    const known = first && provenance(ledger, first)
    return {
      status: 'success',
      reason: 'done',
      summary: summarise(ledger, receivers, target.place, difference, drift),
      next: next(environment.name, ledger, lease, difference !== '', drift),
      serving: liveVersions(ledger, receivers),
      evidence,
      outputs: {
        'live-release': first?.release ?? '',
        'live-version': first ? versionOf(ledger, first) : '',
        'live-image': first?.image ?? '',
        'live-since': known?.at ?? first?.since ?? '',
        'live-act': first ? (known?.act ?? 'by-hand') : '',
        'live-by': known?.by ?? '',
        'live-identity': listIdentities(known?.identities),
        verified: String(receivers.length === 1 && known?.verified === true && drift.length === 0),
        differs: String(difference !== ''),
        'release-id': good?.id ?? '',
        version: good?.version ?? '',
        image: live.image,
        ready: String(live.ready),
        drifted: String(drift.length > 0),
        'lease-holder': lease?.holder.title ?? '',
        'lease-until': lease ? new Date(lease.deadline).toISOString() : '',
        hold: ledger.hold ? describeHold(ledger.hold) : '',
        unfinished,
      } satisfies StatusOutputs,
    }
  })
}

function summarise(
  ledger: Ledger,
  receivers: Receiver[],
  place: string,
  difference: string,
  drift: Drift[],
): string {
  if (difference !== '') return `In ${place} ${difference}.`
  const [first] = receivers
  if (!first || ledger.serving === null) {
    const left = unsettled(ledger) ? undefined : inPlace(ledger)
    return `No release in ${place} is good yet.${left ? ` ${describeLeft(left)}.` : ''}`
  }
  const since = describeProvenance(provenance(ledger, first), first)
  const live = `${nameReceiver(ledger, first).replace(/,$/, '')} is live in ${place}${since}`
  return drift.length > 0 ? `${live}; it is not as it was released.` : `${live}.`
}

/** Nothing good precedes it: so it was left as it was. */
function describeLeft({ id, version, because, settledAt }: Entry): string {
  const since = settledAt ? `, since ${showMinute(settledAt)}` : ''
  return `${version} (${id}) failed and was left as it is${since}${because ? `: ${because}` : ''}`
}

/** Each line says what receives traffic, since when, by which act, and whether that was verified. */
function describeReceiver(receiver: Receiver, ledger: Ledger): Evidence {
  const known = provenance(ledger, receiver)
  const { instances, image } = receiver
  const count = instances === 1 ? '1 instance' : `${instances} instances`
  const verified = known ? `; ${known.verification}` : ''
  return {
    subject: nameReceiver(ledger, receiver).replace(/,$/, ''),
    finding: `receives traffic${describeProvenance(known, receiver)}${verified} (${count}, ${image})`,
    tone: known?.verified ? 'good' : 'warn',
  }
}

function provenance(ledger: Ledger, { release }: Receiver): Provenance | undefined {
  return release === null ? undefined : provenanceOf(ledger, release)
}

const acts: Record<Provenance['act'], string> = {
  deploy: 'deployed',
  rollback: 'by a rollback',
  recovery: 'by the recovery of a run that did not end',
  adoption: 'found there',
}

/** ` since 2026-11-23 07:10 UTC, by a rollback of ada (https://...)` */
function describeProvenance(known: Provenance | undefined, { since }: Receiver): string {
  if (!known) return since === '' ? '' : ` since ${showMinute(since)}, by hand`
  const actor = describeActor(known.by, known.identities)
  const who = actor === 'unknown' ? '' : known.act === 'deploy' ? ` by ${actor}` : ` of ${actor}`
  const where = known.runUrl === '' ? '' : ` (${known.runUrl})`
  return ` since ${showMinute(known.at)}, ${acts[known.act]}${who}${where}`
}

function describeUnfinished(ledger: Ledger): string {
  const open = unsettled(ledger)
  if (open) return `${open.version} (${open.id}) is ${open.state} since ${showMinute(open.intendedAt)}`
  const { restoring, serving } = ledger
  if (!restoring) return ''
  const withIt = restoring.database ? `, with the database of ${restoring.database.backup}` : ''
  const version = find(ledger, serving)?.version ?? ''
  return `the rollback to ${version} (${serving}) is not finished, since ${showMinute(restoring.since)}${withIt}`
}

function describeDrift({ object, what, by }: Drift): Evidence {
  return { subject: object, finding: `${what}${by ? `, by ${by}` : ''}`, tone: 'warn' }
}

function next(
  environment: string,
  ledger: Ledger,
  lease: Lease | null,
  differs: boolean,
  drift: Drift[],
): string {
  const open = unsettled(ledger) ?? ledger.restoring
  if (ledger.hold) return `To end the hold: runbook resume ${environment}`
  if (open && lease && !lease.ended)
    return `That run finishes or undoes it. ${unlockAdvice(environment, lease)}`
  if (open) return `To finish or undo it now: runbook settle ${environment}`
  if (differs)
    return `To restore the last good release: runbook rollback ${environment} --to ${ledger.serving}`
  if (ledger.serving === null && ledger.entries.length > 0)
    return `Release a version that works, or restore one by its name: runbook rollback ${environment} ID`
  if (drift.length > 0) {
    return `What was changed by hand stays until the next release or rollback. To undo it now: runbook rollback ${environment} --to ${ledger.serving}`
  }
  return ''
}
