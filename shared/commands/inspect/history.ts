import { ToolError } from '../../outcome/errors.ts'
import type { Evidence, Outcome } from '../../outcome/outcome.ts'
import type {
  Act,
  Entry,
  Exception,
  Ledger,
  OperatorAct,
  RestoredVerdict,
  RollbackAct,
} from '../../release/ledger.ts'
import { describeActor } from '../../release/identity.ts'
import type { Environment } from '../../config/environment.ts'
import { showMinute } from '../../config/values.ts'
import { commonFields, flag, secret, targetFields, type Fields, type Inputs } from '../step/inputs.ts'
import type { Ports, TargetPorts } from '../step/ports.ts'
import { runStep } from '../step/step.ts'

export const historyFields = {
  ...commonFields,
  ...targetFields,
  'from-store': flag(
    'Read the copies in the backup store, also of what the ledger has forgotten; the target is not asked.',
  ),
  'decrypt-with': secret(
    'The age identity (secret key) that opens sealed copies.',
    'a text like AGE-SECRET-KEY-1...',
  ),
} satisfies Fields

/** Every release that the ledger remembers, every rollback, and what operators did, newest first. Changes nothing. */
export function history(
  environment: Environment,
  inputs: Inputs<typeof historyFields>,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = { step: 'history', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'tool-failed', async () => {
    const { ledger, place } = inputs['from-store']
      ? await ofStore(environment, inputs['decrypt-with'], ports)
      : await ofTarget(ports)
    const { entries, acts } = ledger
    const rollbacks = acts.filter(({ kind }) => kind === 'rollback')
    return {
      status: 'success',
      reason: 'done',
      summary: `${entries.length} releases, ${rollbacks.length} rollbacks and ${acts.length - rollbacks.length} acts of operators in ${place}, newest first.`,
      evidence: describeHistory(ledger),
      outputs: { ledger: JSON.stringify(ledger) },
    }
  })
}

async function ofTarget(ports: TargetPorts): Promise<{ ledger: Ledger; place: string }> {
  const target = await ports.openTarget()
  return { ledger: (await target.read()).ledger, place: target.place }
}

/** For when the cluster is gone, or was made anew. */
async function ofStore(
  environment: Environment,
  key: string,
  ports: Ports,
): Promise<{ ledger: Ledger; place: string }> {
  const [{ readLedgerCopies }, where, { chooseOpening }, { readingOf }] = await Promise.all([
    import('../../backup/storage/ledger-copy.ts'),
    import('../../backup/storage/where.ts'),
    import('../../backup/encryption/sealing.ts'),
    import('../../backup/encryption/trust.ts'),
  ])
  const surroundings = where.readSurroundings(environment, ports.env)
  for (const value of [key, ...where.secretVariables(surroundings)])
    if (value !== '') ports.secrets.add(value)
  const store = await where.resolveStore(surroundings, '')
  const owner = { service: environment.service, environment: environment.name }
  const recipients = environment.backup?.encryptTo ?? []
  const opening = () => chooseOpening(ports, { how: 'age', recipients }, key)
  const found = await readLedgerCopies(store, owner, opening, readingOf(environment, ports))
  if (!found) {
    throw new ToolError(`${store.uri} has no copy of the ledger of ${owner.service} ${owner.environment}`, {
      tool: 'backup store',
      hint: 'Check backup.destination in the runbook: each release and rollback writes a copy there.',
    })
  }
  const at = showMinute(new Date(found.takenAt).toISOString())
  return { ledger: found.ledger, place: `${store.uri}, as of ${at}` }
}

/** A ledger as lines for people, newest first. Releases keep their order, also where the clocks of runs disagree. */
function describeHistory({ entries, acts, serving }: Ledger): Evidence[] {
  const lines: Evidence[] = []
  let left = acts.toReversed()
  for (const entry of entries.toReversed()) {
    const since = left.filter(({ at }) => at >= entry.intendedAt)
    left = left.filter(({ at }) => at < entry.intendedAt)
    lines.push(...since.map(describeAct), describeEntry(entry, serving))
  }
  return [...lines, ...left.map(describeAct)]
}

function describeEntry(entry: Entry, serving: Entry['id'] | null): Evidence {
  const { id, version, state, because, gate, smoke, run, runUrl, intendedAt, settledAt, backup } = entry
  const told = [because, ...(entry.exceptions ?? []).map(describeException)].filter(
    line => line !== undefined,
  )
  const facts = [
    `${state}${id === serving ? ', serves' : ''}`,
    `by ${describeActor(entry.by, entry.verified)}`,
    `${showMinute(intendedAt)}${settledAt ? ` to ${showMinute(settledAt)}` : ''}`,
    gate === undefined ? (state === 'good' && id !== 'r0' ? 'ungated' : '') : `gate ${gate}`,
    smoke === undefined ? '' : `smoke ${smoke}`,
    backup === undefined ? '' : `backup ${backup}`,
    runUrl || run,
  ]
  return {
    subject: `${id} ${version}`,
    finding: facts.filter(Boolean).join(', '),
    tone: tones[state],
    ...(told.length === 0 ? {} : { detail: told.join('\n') }),
  }
}

function describeException({ check, as, reason }: Exception): string {
  return `${check} was ${as}${reason === '' ? '' : `: ${reason}`}`
}

function describeAct(done: Act): Evidence {
  return done.kind === 'rollback' ? describeRollback(done) : describeOperatorAct(done)
}

/** `rollback: r3 to r2, healthy, by ada, 2026-11-23 07:10 UTC to 2026-11-23 07:12 UTC` */
function describeRollback(done: RollbackAct): Evidence {
  const { trigger, from, to, by, verified, at, finishedAt, finishedBy, verdict, because, run, runUrl } = done
  const facts = [
    from === to ? `${to} restored` : `${from} to ${to}`,
    finishedAt === undefined ? 'not finished' : (verdict ?? 'not looked at'),
    triggers[trigger],
    `by ${describeActor(by, verified)}`,
    `${showMinute(at)}${finishedAt === undefined ? '' : ` to ${showMinute(finishedAt)}`}`,
    finishedBy === undefined ? '' : `finished by ${finishedBy}`,
    runUrl || run,
  ]
  return {
    subject: 'rollback',
    finding: facts.filter(Boolean).join(', '),
    tone: finishedAt === undefined ? 'warn' : verdicts[verdict ?? 'unverified'],
    ...(because === '' ? {} : { detail: because }),
  }
}

const triggers: Record<RollbackAct['trigger'], string> = {
  operator: '',
  'failed-release': 'of a release that failed',
  recovery: 'recovery of a run that did not end',
}

const verdicts: Record<RestoredVerdict, Evidence['tone']> = {
  healthy: 'good',
  unhealthy: 'bad',
  unverified: 'warn',
}

function describeOperatorAct({ kind, by, verified, because, at, ended }: OperatorAct): Evidence {
  const facts = [
    `by ${describeActor(by, verified)}`,
    showMinute(at),
    ended === undefined ? '' : `ended the lease of ${ended}`,
  ]
  return {
    subject: kind,
    finding: facts.filter(Boolean).join(', '),
    tone: 'note',
    ...(because === '' ? {} : { detail: because }),
  }
}

const tones: Record<Entry['state'], Evidence['tone']> = {
  intended: 'warn',
  applied: 'warn',
  ready: 'warn',
  good: 'good',
  bad: 'bad',
  withdrawn: 'note',
}
