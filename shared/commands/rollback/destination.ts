import { InputError } from '../../outcome/errors.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import { find, remember, resolveRelease, wayBack, type Entry, type Ledger } from '../../release/ledger.ts'
import type { KnownRevision, Revision, Target } from '../../targets/target.ts'
import { adoptForeign, intentOf } from '../deploy/first-contact.ts'
import { identify } from '../inspect/identify.ts'
import type { TargetPorts } from '../step/ports.ts'
import type { Held } from '../step/held-lock.ts'

/** For `to`: the way back of a job whose release did not make it. */
export const lastGood = 'last-good'

/** Releases that an error names; the history has them all. */
const mostShown = 10

/** Where a rollback goes. */
export interface Destination {
  back: Entry
  /** What has to be said of it. */
  notes: Evidence[]
}

/**
 * Finds the release that was asked for. A Kubernetes revision that no release stands for becomes one, so that from then
 * on it can be restored, and finished by another run, like any other.
 * @param to empty for the newest good release before the one that serves
 * @returns undefined when nothing was named and nothing is there
 * @throws InputError when what was named is not there; it says what is
 */
export async function findDestination(
  to: string,
  held: Held,
  ports: TargetPorts,
): Promise<Destination | undefined> {
  const found = await locate(to, held.lock.ledger, held.target)
  if (!found) return undefined
  if ('entry' in found) return { back: found.entry, notes: found.notes }
  return recordRevision(Number(to), found.revision, held, ports)
}

/** What was asked for, by what is recorded: a release, or a revision of which only the workload is known. */
export type Located =
  { entry: Entry; notes: Evidence[] } | { revision: Extract<KnownRevision, { kind: 'workload' }> }

/** As `findDestination`, but nothing is written down. */
export async function locate(to: string, ledger: Ledger, target: Target): Promise<Located | undefined> {
  const back = unnamed(to, ledger)
  if (back !== 'named') return back && { entry: back, notes: [] }
  const found = resolveRelease(ledger, to)
  if (found) return { entry: found, notes: warnings(found) }
  const revision = isNumber(to) ? await target.findRevision(Number(to)) : undefined
  if (!revision) throw await unknown(to, ledger, target)
  if (revision.kind === 'workload') return { revision }
  const entry = find(ledger, revision.id)
  if (!entry) throw new Error(`revision ${to} stands for ${revision.id}, which the ledger does not have`)
  return { entry, notes: warnings(entry) }
}

function unnamed(to: string, ledger: Ledger): Entry | undefined | 'named' {
  // What is being brought back comes first: the release before it would be one too far.
  if (to === '') return ledger.restoring ? find(ledger, ledger.serving) : wayBack(ledger)
  return to === lastGood ? find(ledger, ledger.serving) : 'named'
}

function warnings({ id, version, state, because }: Entry): Evidence[] {
  if (state === 'good') return []
  const why = because ? `: ${because}` : ''
  const finding = `is ${state}${why}. It is brought back because it was named.`
  return [{ subject: `${version} (${id})`, finding, tone: 'warn' }]
}

async function recordRevision(
  number: number,
  { version, image, payload }: Extract<KnownRevision, { kind: 'workload' }>,
  held: Held,
  ports: TargetPorts,
): Promise<Destination> {
  const { lock } = held
  await adoptForeign(ports, held)
  const because = `recorded when revision ${number} was asked for`
  const intent = { ...intentOf(ports, version, image), ...(await identify(ports)) }
  const written = remember(lock.ledger, intent, because)
  await lock.update(() => written.ledger)
  await lock.store(written.id, payload)
  const back = find(lock.ledger, written.id)
  if (!back) throw new Error(`${written.id} was not written`)
  ports.log.info(`Recorded revision ${number} (${image}) as ${back.id}.`)
  return { back, notes: caveats(number, image) }
}

/** What a revision does not say. */
function caveats(number: number, image: string): Evidence[] {
  const subject = `revision ${number}`
  const rest =
    'only its pod template is known. ConfigMaps, Secrets, Services and the rest stay as they are now: if it needs older ones, they have to be put back by hand'
  const tag =
    'names its image by a tag, which may be another image today than it was then: look at what runs now'
  return [
    { subject, finding: rest, tone: 'warn' },
    ...(image.includes('@') ? [] : [{ subject, finding: tag, tone: 'warn' } satisfies Evidence]),
  ]
}

async function unknown(to: string, ledger: Ledger, target: Target): Promise<InputError> {
  const revisions = isNumber(to) ? (await target.revisions()).map(showRevision) : []
  const releases = ledger.entries
    .filter(({ state }) => state === 'good')
    .slice(-mostShown)
    .map(({ id, version }) => `${version} (${id})`)
    .reverse()
  const known = [
    releases.length > 0 ? `a good release: ${releases.join(', ')}` : '',
    revisions.length > 0 ? `a revision: ${revisions.join(', ')}` : '',
  ].filter(Boolean)
  const none = 'nothing yet: no release has been good here'
  return InputError.of(
    'to',
    to,
    known.join('; ') || none,
    `See them all: runbook history ${ledger.environment}`,
  )
}

/** `3 (registry/api:v1.2.0, 2026-01-01T00:00:00Z)`; a digest is cut to what tells it from others. */
export function showRevision({ number, image, at }: Revision): string {
  return `${number} (${image.replace(/(@sha256:[0-9a-f]{12})[0-9a-f]+$/, '$1')}, ${at})`
}

function isNumber(to: string): boolean {
  return /^\d{1,9}$/.test(to)
}
