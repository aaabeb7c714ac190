import semver from 'semver'
import { InputError } from '../outcome/errors.ts'

/**
 * A full semantic version with its leading v, as tags carry it: `v1.2.3`, `v1.3.0-rc.1`.
 * @param where the input's name, for the error
 */
export function parseVersion(where: string, text: string): string {
  if (!/^v\d[\w.+-]*$/.test(text) || semver.valid(text) === null) {
    throw InputError.of(where, text, 'a full semantic version with a leading v, like v1.2.3')
  }
  return text
}

/** True for versions like `v1.3.0-rc.1`, which stop at staging. */
export function isPrerelease(version: string): boolean {
  return semver.prerelease(version) !== null
}

/** Below 0 when `a` is the older one. A version that is not semantic (one found on a foreign workload) is the oldest. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [semver.valid(a), semver.valid(b)]
  if (left === null || right === null) return Number(left !== null) - Number(right !== null)
  return semver.compare(left, right)
}
