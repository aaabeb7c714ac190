import { isExpected } from '../../outcome/errors.ts'
import { cutsTheWayBack } from '../../release/floor.ts'
import { find, inPlace, unsettled, type Entry } from '../../release/ledger.ts'
import { fail, pass, warn, type Check, type CheckContext, type Finding } from '../check.ts'
import type { Payload, Target } from '../../targets/target.ts'
import { findImage } from './image-exists.ts'

/** The way back is open: what serves now is recorded whole, and its image can still be pulled. */
export const rollbackPossible: Check = {
  id: 'rollback-possible',
  title: 'The release that serves now could be brought back',
  deadlineMs: 60_000,
  inapplicable: () => '',
  async run(context) {
    const target = await context.target()
    const { ledger } = await target.read()
    const good = find(ledger, ledger.serving)
    if (!good) return withoutGood(context, inPlace(ledger))
    const payload = await target.recall(good.id)
    if (!payload) {
      const gone = `the record of ${named(good)} is gone from ${target.place}`
      return context.version === good.version
        ? warn(`${gone}; the deploy of ${good.version} records it anew`, 'Nothing: this is the way out.')
        : fail(gone, `Deploy ${good.version} once more from its tag, which records it anew; then this one.`)
    }
    const unpullable = await missingImage(context, good)
    if (unpullable) return unpullable
    const rehearsed = await rehearseRollback(context, target, good, payload)
    if ('impossible' in rehearsed) return rehearsed.impossible
    const oneWay = cutsTheWayBack(good, (await plannedRelease(context))?.schemaNeeds)
    if (oneWay !== undefined) {
      return fail(
        oneWay,
        `Release a version that needs no newer schema than ${good.version} first, or let this one only add to it.`,
      )
    }
    const open = unsettled(ledger)
    if (open) {
      return warn(
        `${named(good)} can be brought back; ${named(open)} was left unfinished by another run`,
        'Nothing: the deploy settles it first. To look before it does, run rollback with settle.',
      )
    }
    const kept = good.image.startsWith('sha256:')
      ? '; its image was built on that host and is nowhere else: once it does not serve any more, a docker system prune -a there ends this way back'
      : ''
    const { notes, refused } = rehearsed
    const [first] = refused
    if (first) {
      return warn(
        `${named(good)} can be restored, but not all of it: ${refused.map(({ why }) => why).join('; ')}`,
        first.remedy,
        notes.join('\n'),
      )
    }
    return pass(
      `${named(good)} is recorded whole, and ${target.place} would take it back${kept}${notes.map(note => `; ${note}`).join('')}`,
      notes.join('\n'),
    )
  },
}

/** How a rollback would go, or why there could be none. */
type Rehearsed = { impossible: Finding } | { notes: string[]; refused: { why: string; remedy: string }[] }

/**
 * The target tries the recorded release as the rollback would restore it: rights, quotas, policies, and whatever it refers
 * to are asked for now, while nothing depends on them. What the planned release changes in between is taken into account.
 */
async function rehearseRollback(
  context: CheckContext,
  target: Target,
  good: Entry,
  payload: Payload,
): Promise<Rehearsed> {
  // It has no rights and quotas of its own, and its releases lie beside each other.
  if (context.environment.target.kind === 'process') return { notes: [], refused: [] }
  try {
    const changes = await target.rehearseRestore(payload)
    const planned = await plannedRelease(context)
    const { lacked, notes } = planned
      ? await target.planRollback(payload, planned)
      : { lacked: [], notes: [] }
    if (lacked.length > 0) {
      const finding = `a rollback to ${named(good)} would have to ${lacked.join(', ')}, and this account may not`
      const remedy =
        'Add these rights to the Role in deployment/k8s/access, or take the objects out of the release.'
      return { impossible: fail(finding, remedy) }
    }
    return { notes, refused: changes.flatMap(({ refused }) => refused ?? []) }
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isExpected(error)) throw error
    return {
      impossible: fail(
        `${target.place} would not take ${named(good)} back: ${error.message}`,
        `A rollback would fail on the same: fix it before anything new is deployed. ${error.hint}`,
      ),
    }
  }
}

/** Manifests that cannot be read are what another check is about. */
async function plannedRelease(context: CheckContext): Promise<Payload | undefined> {
  try {
    return await context.payload()
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isExpected(error)) throw error
    return undefined
  }
}

/** @param left what failed and was left as it is, since nothing good precedes it */
async function withoutGood(context: CheckContext, left: Entry | undefined): Promise<Finding> {
  if (left) {
    return warn(
      `no release is good yet, and ${named(left)} failed: this one has nothing to go back to either`,
      'Nothing, if it works: if it fails, too, it is left as it is and the alarm says so.',
    )
  }
  const live = await (await context.target()).live()
  if (live.image !== '') {
    return pass(
      `${live.image} serves, deployed by something else: the deploy records it as r0 before it changes anything`,
    )
  }
  return warn(
    'nothing serves yet: the first release has nothing to go back to',
    'Nothing, for a first release: if it fails, it is left as it is and the alarm says so.',
  )
}

async function missingImage(context: CheckContext, good: Entry): Promise<Finding | undefined> {
  if (context.environment.target.kind === 'process') return undefined
  try {
    await findImage(context, good.version, good.image)
    return undefined
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isExpected(error)) throw error
    return fail(
      `the image of ${named(good)} cannot be pulled: ${error.message}`,
      `Push ${good.image} again; a release that cannot wait for that: add rollback-possible to accept. ${error.hint}`,
    )
  }
}

function named({ version, id }: Entry): string {
  return `${version} (${id})`
}
