import type { Conclusion, Evidence } from '../../outcome/outcome.ts'
import type { Entry } from '../../release/ledger.ts'
import type { Change } from '../../targets/target.ts'
import { refusedOf } from '../inspect/release-diff.ts'
import type { Verified } from '../verify/verify.ts'

/** The end of a restore whose release serves, in the words of its verdict. */
export function concludeHealth(
  back: Entry,
  from: Entry | undefined,
  { verdict, evidence }: Verified,
  restored: Evidence[],
): Conclusion {
  const outputs = { 'restored-release-id': back.id, verdict }
  const common = { serving: back.version, evidence: [...evidence, ...restored], outputs }
  const instead = from && from.id !== back.id ? ` instead of ${from.version} (${from.id})` : ''
  if (verdict === 'healthy') {
    return {
      ...common,
      status: 'success',
      reason: 'restored',
      summary: `${back.version} (${back.id}) serves again${instead}, and is healthy.`,
    }
  }
  if (verdict === 'unverified') {
    return {
      ...common,
      status: 'inconclusive',
      reason: 'restored-unverified',
      summary: `${back.version} (${back.id}) serves again${instead}; whether it is well could not be measured.`,
      next: 'Look at the service now: the evidence says why nothing could be measured.',
    }
  }
  return { ...concludeUnhealthy(back, 'it does not pass its gate', common.evidence), outputs }
}

/** The end of a restore after which the service is not well: loud, and nothing more happens by itself. */
export function concludeUnhealthy(back: Entry, why: string, evidence: Evidence[]): Conclusion {
  return {
    status: 'failure',
    reason: 'restored-unhealthy',
    summary: `${back.version} (${back.id}) was brought back, but ${why}.`,
    next: 'Act now: nothing more happens by itself. The evidence shows what is wrong; look first at what the service needs.',
    serving: back.version,
    evidence,
    outputs: { 'restored-release-id': back.id, verdict: 'unhealthy' },
  }
}

/**
 * The end of a restore that could not set every object back: the release serves, and what is left to do is named.
 * @param ended how it would have ended otherwise
 */
export function concludePartly(ended: Conclusion, back: Entry, changes: Change[]): Conclusion {
  const left = refusedOf(changes)
  if (left.length === 0 || ended.reason === 'restored-unhealthy') return ended
  const names = left.map(({ object }) => object).join(', ')
  return {
    ...ended,
    status: 'failure',
    reason: 'restored-partly',
    summary: `${back.version} (${back.id}) serves again, but not all of it: ${names} could not be restored.`,
    next: left.map(({ object, remedy }) => `${object}: ${remedy}`).join(' '),
  }
}
