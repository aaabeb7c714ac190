/**
 * Who acted, as the system that let the process in says: beside `by`, which is what the environment of that process
 * claims, and which the user who starts a process can write.
 */
export interface VerifiedIdentity {
  /** `system:serviceaccount:production:runbook-deployer`, `repo:org/api:environment:production`, `deploy` */
  name: string
  /** Which system says so. */
  from: (typeof sources)[number]
}

const sources = ['kubernetes', 'oidc', 'ssh', 'tls-certificate', 'account'] as const

const words: Record<VerifiedIdentity['from'], string> = {
  kubernetes: 'by the API server',
  oidc: 'by the OIDC token of the job',
  ssh: 'the account of SSH',
  'tls-certificate': 'the TLS certificate',
  account: 'the account of this machine',
}

/** Longer names are cut: twenty releases may have two each. */
export const longestIdentity = 200

/** `ada, verified as deploy (the account of SSH)`; `ada (claimed)` where nothing verified it. */
export function describeActor(by: string, verified: VerifiedIdentity[] | undefined): string {
  const known = (verified ?? []).filter(({ from }) => sources.includes(from))
  if (known.length === 0) return by === '' ? 'unknown' : `${by} (claimed)`
  return `${by || 'unknown'}, verified as ${listIdentities(known)}`
}

/** `deploy (the account of SSH)`; empty when there is none. */
export function listIdentities(verified: VerifiedIdentity[] = []): string {
  return verified.map(({ name, from }) => `${name} (${words[from]})`).join(' and ')
}
