import type { VerifiedIdentity } from './identity.ts'
import { find, type Entry, type Ledger, type RollbackAct } from './ledger.ts'

/** How a release came to receive traffic the last time, as the ledger tells it. */
export interface Provenance {
  /**
   * `deploy`; `rollback`, by a person or by the run whose release failed; `recovery`, of what a run left that did not end;
   * `adoption`: it was there before this suite.
   */
  act: 'deploy' | 'rollback' | 'recovery' | 'adoption'
  /** ISO 8601. */
  at: string
  by: string
  /** As the target or GitHub verified it. */
  identities?: VerifiedIdentity[]
  run: string
  runUrl: string
  /** It was found healthy then: by its gate, and its smoke test where there was one, or by the check after its rollback. */
  verified: boolean
  /** The same in words: `its gate and smoke test passed`. */
  verification: string
}

/** @returns undefined of a release that the ledger does not know */
export function provenanceOf(ledger: Ledger, id: string): Provenance | undefined {
  const entry = ledger.entries.find(each => each.id === id)
  if (!entry) return undefined
  const rollback = ledger.acts.filter(each => each.kind === 'rollback').findLast(({ to }) => to === id)
  if (rollback) return ofRollback(rollback)
  const { by, run, runUrl, restored } = entry
  const identities = entry.verified ? { identities: entry.verified } : {}
  // An older ledger notes the rollback on the release alone.
  if (restored && find(ledger, ledger.serving) === entry)
    return { act: 'rollback', at: restored.at, by: '', run: '', runUrl: '', ...verdictOf(restored.verdict) }
  const isAdopted = id === 'r0'
  const at = entry.settledAt ?? entry.intendedAt
  const { verified, verification } = isAdopted ? adopted : gated(entry)
  return {
    act: isAdopted ? 'adoption' : 'deploy',
    at,
    by,
    ...identities,
    run,
    runUrl,
    verified,
    verification,
  }
}

const adopted = { verified: false, verification: 'it was there before, and was never gated' }

function ofRollback({ trigger, at, finishedAt, by, run, runUrl, verdict, ...act }: RollbackAct): Provenance {
  return {
    act: trigger === 'recovery' ? 'recovery' : 'rollback',
    at: finishedAt ?? at,
    ...{ by, run, runUrl },
    ...(act.verified ? { identities: act.verified } : {}),
    ...verdictOf(verdict),
  }
}

function verdictOf(verdict: RollbackAct['verdict']): Pick<Provenance, 'verified' | 'verification'> {
  switch (verdict) {
    case 'healthy':
      return { verified: true, verification: 'it was healthy after the rollback' }
    case 'unhealthy':
      return { verified: false, verification: 'it was not healthy after the rollback' }
    case 'unverified':
      return {
        verified: false,
        verification: 'whether it was healthy after the rollback could not be measured',
      }
    case undefined:
      return { verified: false, verification: 'whether it is healthy after the rollback was not looked at' }
  }
}

function gated({ gate, smoke }: Entry): Pick<Provenance, 'verified' | 'verification'> {
  if (gate === undefined) return { verified: false, verification: 'it has passed no gate' }
  if (gate === 'fail') return { verified: false, verification: 'its gate failed' }
  if (gate === 'inconclusive') return { verified: false, verification: 'its gate could not decide' }
  if (smoke === 'fail') return { verified: false, verification: 'its gate passed, and its smoke test failed' }
  return {
    verified: true,
    verification: smoke === 'pass' ? 'its gate and smoke test passed' : 'its gate passed',
  }
}
