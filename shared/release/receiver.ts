import { find, type Ledger } from './ledger.ts'

/** Instances that receive traffic now, of one release or of something else. */
export interface Receiver {
  /** The release that they are; null when they are of none that is recorded, as when another image was set by hand. */
  release: string | null
  version: string
  /** With its digest, where the target knows it. */
  image: string
  /** How many there are. */
  instances: number
  /** Since when the first of them can receive traffic, ISO 8601; empty when the target cannot tell. */
  since: string
}

/** Its version as the ledger has it; else what the target shows. */
export function versionOf(ledger: Ledger, { release, version, image }: Receiver): string {
  return ledger.entries.find(({ id }) => id === release)?.version ?? (version || image)
}

/** `v1.1.0 (r2)`; `registry/api@sha256:..., which is no recorded release` */
export function nameReceiver(ledger: Ledger, receiver: Receiver): string {
  const { release, image } = receiver
  if (release === null) return `${image || 'something'}, which is no recorded release,`
  return `${versionOf(ledger, receiver)} (${release})`
}

/**
 * In what that which receives traffic is not the last good release, one sentence without its end; empty when it is, and
 * where no release is good yet.
 */
export function describeDifference(ledger: Ledger, receivers: Receiver[]): string {
  const good = find(ledger, ledger.serving)
  if (!good) return ''
  const last = `${good.version} (${good.id})`
  const others = receivers.filter(({ release }) => release !== good.id)
  if (receivers.length === 0) return `nothing receives traffic; the last good release is ${last}`
  if (others.length === 0) return ''
  const names = others.map(each => nameReceiver(ledger, each)).join(' and ')
  const verb = others.length > 1 ? 'receive' : 'receives'
  return others.length < receivers.length
    ? `${names} ${verb} traffic beside the last good release, ${last}`
    : `${names} ${verb} traffic, and the last good release, ${last}, does not`
}

/** `v1.0.0`, or `v1.1.0, v1.0.0` in the middle of a rollout; empty when nothing receives traffic. */
export function liveVersions(ledger: Ledger, receivers: Receiver[]): string {
  return [...new Set(receivers.map(each => versionOf(ledger, each)))].join(', ')
}
