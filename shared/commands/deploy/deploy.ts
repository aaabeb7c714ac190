import type { Conclusion, Outcome } from '../../outcome/outcome.ts'
import {
  advance,
  find,
  intend,
  noteVerdict,
  unsettled,
  usualStart,
  type Entry,
  type ReleaseId,
} from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import type { Candidate } from '../../release/backup-candidate.ts'
import { readTold } from '../../report/told.ts'
import type { Conflicts, Payload, ReleaseRequest, Rollout } from '../../targets/target.ts'
import { attest } from './attestation.ts'
import { takeBaseline } from '../promote/baseline.ts'
import { budgetOf } from '../rollback/budget.ts'
import { adoptForeign, intentOf } from './first-contact.ts'
import { identify } from '../inspect/identify.ts'
import { concludeRollout, dryRun, leaseHeld, showPlan, unchanged } from './deploy-end.ts'
import type { DeployInputs, deployOutputs } from './deploy-fields.ts'
import { settleLeftover } from '../recover/leftover.ts'
import { withLiveRelease } from '../inspect/live-release.ts'
import { migrate, refuseOneWay } from './migrate.ts'
import type { TargetPorts } from '../step/ports.ts'
import { findCandidate, recordedBackup } from '../backup/record-backup.ts'
import {
  plannedVerification,
  recordPlanned,
  type RecordedVerification,
} from '../verify/recorded-verification.ts'
import { requireRollback } from './refuse-no-rollback.ts'
import { refuseDowngrade, refuseMovedVersion, refuseRelease } from './refuse-release.ts'
import { describeRelease } from '../inspect/release-diff.ts'
import { makeRequest } from './release-request.ts'
import { runStep, type Stopwatch } from '../step/step.ts'
import { tellStart } from './tell-start.ts'
import { acquire, type Held } from '../step/held-lock.ts'
import { isRefusal, refuseUnprepared, undoApply } from './undo-apply.ts'
import { planVerification } from '../verify/verification.ts'
import {
  outageEvidence,
  outageOutputs,
  overMaxGap,
  unmeasured,
  watchOutage,
  type OutageWatch,
} from './watch-outage.ts'

/**
 * Makes a release ready to serve: lease, intent, apply, rollout. It leaves the release unsettled and the lease with the
 * run: `finish` closes it good when the whole job succeeded, `rollback` or `settle` takes it back otherwise.
 */
export async function deploy(
  environment: Environment,
  inputs: DeployInputs,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = { step: 'deploy', service: environment.service, environment: environment.name }
  const ending = runStep(subject, ports, 'apply-refused', async watch => {
    const startedAt = ports.clock.now()
    const left = budgetOf(ports.clock, inputs.timeout)
    await planVerification(environment)
    const verification = await plannedVerification(environment)
    const request = await makeRequest(environment, inputs, ports)
    const attested = await attest(environment, request.image, ports)
    const target = await ports.openTarget()
    const payload = await watch.time('render', () => target.render(request))
    const conflicts = inputs['force-conflicts'] ? 'take' : 'stop'
    const [plan, backup] = await watch.time('rehearse', () =>
      Promise.all([
        target.rehearse(payload, conflicts),
        inputs['dry-run'] ? undefined : findCandidate(environment, inputs.backup, ports),
      ]),
    )
    const { exceptions } = readTold(environment.root, environment.name, ports.run, request.version)
    await watch.time('plan-rollback', () => requireRollback(target, payload, exceptions, ports.log))
    if (inputs['dry-run']) {
      const { ledger } = await target.read()
      const serving = find(ledger, ledger.serving)
      const refusal =
        refuseMovedVersion(request, ledger) ??
        refuseDowngrade(request.version, serving) ??
        refuseOneWay(request.version, serving, payload)
      return refusal ?? dryRun(request, target.place, plan)
    }

    ports.log.info(`Deploying ${request.version} to ${target.place}.`)
    await showPlan(plan, ports.log)
    const held = await watch.time('lease', () => acquire(ports, 'work', left()))
    if ('held' in held) return leaseHeld(environment.name, held.held, ports.clock.now())
    try {
      return await release({
        environment,
        ports,
        watch,
        request,
        payload,
        conflicts,
        backup,
        verification,
        attested,
        held,
        startedAt,
        left,
        lockForMs: inputs['lock-for'],
      })
    } catch (error) {
      if (!ports.signal.aborted) await letGo(held, inputs['lock-for'])
      throw error
    } finally {
      held.abandon()
    }
  })
  const outcome = await withLiveRelease(ending, ports)
  const begun = outcome.timings.some(({ phase }) => phase === 'lease')
  return begun ? outcome : { ...outcome, outputs: { ...unchanged(null, ''), ...outcome.outputs } }
}

interface Work {
  environment: Environment
  ports: TargetPorts
  watch: Stopwatch
  request: ReleaseRequest
  payload: Payload
  conflicts: Conflicts
  backup: Candidate | undefined
  /** What the release is to be verified by; undefined when the runbook names no url. */
  verification: RecordedVerification | undefined
  /** How its image is attested, for the record. */
  attested: Pick<Entry, 'attested'>
  held: Held
  /** Milliseconds since 1970. */
  startedAt: number
  /** Milliseconds that the next part of the step may take. */
  left: () => number
  /** How long the lease is left to the other steps of the job. */
  lockForMs: number
}

async function release(work: Work): Promise<Conclusion> {
  const { environment, ports, watch, request, payload, verification, held } = work
  const { lock } = held
  const lost = await settleLeftover({ ...work, version: request.version })
  const serving = find(lock.ledger, lock.ledger.serving)
  const refusal = lost
    ? { ...lost, outputs: unchanged(null, request.image) }
    : await refuseRelease(work, serving)
  if (refusal) {
    await held.giveBack()
    return refusal
  }
  await adoptForeign(ports, held, payload)
  const previous = lock.ledger.serving
  const oneWay = refuseOneWay(request.version, find(lock.ledger, previous), payload)
  if (oneWay) {
    await held.giveBack()
    return { ...oneWay, outputs: unchanged(previous, request.image) }
  }
  const baseline =
    previous === null
      ? undefined
      : await watch.time('baseline', () => takeBaseline(environment, { ...ports, signal: held.signal }))
  const id = await watch.time('intend', async () => {
    const { schemaNeeds } = payload
    const intent = {
      ...intentOf(ports, request.version, request.image),
      ...(await identify(ports)),
    }
    const backup = recordedBackup(work, find(lock.ledger, previous))
    const { exceptions } = readTold(environment.root, environment.name, ports.run, request.version)
    const written = intend(lock.ledger, {
      ...intent,
      ...work.attested,
      ...backup,
      ...(exceptions.length > 0 ? { exceptions } : {}),
      ...(schemaNeeds ? { schemaNeeds } : {}),
      ...(baseline ? { baseline } : {}),
    })
    await lock.update(() => written.ledger)
    await lock.store(written.id, payload)
    await recordPlanned(held, written.id, verification, ports.log)
    return written.id
  })
  const outputs = {
    'release-id': id,
    'previous-release-id': previous ?? '',
    'image-digest': request.image.split('@')[1] ?? '',
    changed: 'true',
    'longest-gap-ms': '',
    'failed-requests': '',
  }
  const told = tellStart(work.environment, find(lock.ledger, id), find(lock.ledger, previous), ports)
  try {
    return await rollOut(work, id, outputs)
  } finally {
    // How it ended is told next, and must not be heard first.
    await told
  }
}

/** Migrates, applies, and follows the rollout of a release that the ledger knows. */
async function rollOut(
  work: Work,
  id: ReleaseId,
  outputs: Record<keyof typeof deployOutputs, string>,
): Promise<Conclusion> {
  const { environment, ports, watch, payload, held } = work
  const previous = held.lock.ledger.serving
  try {
    await watch.time('prepare', () => held.lock.prepare(id, payload))
  } catch (error) {
    if (!isRefusal(error) || held.signal.aborted) throw error
    const refused = await refuseUnprepared(work, id, error)
    return { ...refused, outputs: { ...outputs, changed: 'false' } }
  }
  const migrated = await watch.time('migrate', () =>
    migrate({ ports, held, id, payload, timeoutMs: work.left() }),
  )
  if ('failed' in migrated) return { ...migrated.failed, outputs: { ...outputs, changed: 'false' } }
  const outage =
    previous === null ? unmeasured('') : await watchOutage(environment, { ...ports, signal: held.signal })
  try {
    const ended = await replacePrevious(work, id, outputs, outage)
    return { ...ended, evidence: [...(ended.evidence ?? []), ...migrated.evidence] }
  } finally {
    await outage.end()
  }
}

/** Applies a release and follows its rollout, while the requests of the service's users are watched. */
async function replacePrevious(
  work: Work,
  id: ReleaseId,
  outputs: Record<keyof typeof deployOutputs, string>,
  outage: OutageWatch,
): Promise<Conclusion> {
  const { environment, ports, watch, request, payload, held } = work
  const { lock, target } = held
  const previous = lock.ledger.serving
  try {
    const changes = await watch.time('apply', () => lock.apply(id, payload, work.conflicts))
    for (const { action, object } of changes) if (action !== 'none') ports.log.info(`${action} ${object}`)
  } catch (error) {
    if (!isRefusal(error) || held.signal.aborted) throw error
    const undone = await undoApply({ ...work, timeoutMs: work.left() }, id, error)
    return { ...undone, outputs: { ...outputs, changed: 'false' } }
  }
  await lock.update(ledger => advance(ledger, id, 'applied'))
  const rollout = await watch.time('rollout', () => follow(work, id))
  const measured = await outage.end()
  const [seen] = outageEvidence(measured)
  if (seen) ports.log.info(`${seen.subject}: ${seen.finding}`)
  if (rollout.kind === 'ready') {
    const { startMs } = rollout
    await lock.update(ledger => {
      const ready = advance(ledger, id, 'ready')
      return startMs === undefined ? ready : noteVerdict(ready, id, { startMs })
    })
  }
  await held.handOver(work.lockForMs)
  const ended =
    (rollout.kind === 'ready' ? overMaxGap(environment, request.version, measured) : undefined) ??
    concludeRollout(rollout, id, request.version, target.place, previous)
  const changed =
    ended.status === 'success' ? [] : await describeRelease(target, find(lock.ledger, previous), payload)
  const notes = rollout.kind === 'ready' ? (rollout.notes ?? []) : []
  const evidence = [...(ended.evidence ?? []), ...notes, ...outageEvidence(measured), ...changed]
  return { ...ended, evidence, outputs: { ...outputs, ...outageOutputs(measured) } }
}

/** An unfinished release keeps the lease, for the step that takes it back; otherwise no run has to wait. */
async function letGo(held: Held, lockForMs: number): Promise<void> {
  const end = unsettled(held.lock.ledger) ? held.leave(lockForMs) : held.giveBack()
  await end.catch(() => undefined)
}

function follow({ left, ports, payload, held }: Work, id: ReleaseId): Promise<Rollout> {
  const usualStartMs = usualStart(held.lock.ledger)
  return held.lock.follow(id, payload, {
    release: 'new',
    ...(usualStartMs === undefined ? {} : { usualStartMs }),
    timeoutMs: left(),
    signal: held.signal,
    onProgress: line => ports.log.info(line),
  })
}
