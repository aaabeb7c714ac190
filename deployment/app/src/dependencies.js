import { publicReason } from './errors.js'

/** @typedef {{status: 'up' | 'down', latencyMs: number, reason?: string}} Check */

/**
 * Asks something that can answer, and tells how that went; never rejects.
 * @param {{ping: () => Promise<void>}} dependency
 * @returns {Promise<Check>}
 */
export async function check(dependency) {
  const began = performance.now()
  const latencyMs = () => Math.round((performance.now() - began) * 10) / 10
  try {
    await dependency.ping()
    return { status: 'up', latencyMs: latencyMs() }
  } catch (error) {
    return { status: 'down', latencyMs: latencyMs(), reason: publicReason(error) }
  }
}
