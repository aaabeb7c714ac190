import { ToolError } from '../../outcome/errors.ts'
import type { Reason } from '../../outcome/reasons.ts'

/** They come before anything is touched, and stay what they are. */
const refusals: Reason[] = ['restore-refused', 'not-attested']

/**
 * What fails a way back that has begun, whatever it was: the environment may be half-way, and that counts more than why.
 */
export function halfWay(error: unknown): unknown {
  if (!(error instanceof ToolError) || error.reason === undefined || refusals.includes(error.reason))
    return error
  const { message, tool, code, stderr, hint } = error
  return new ToolError(message, {
    tool,
    stderr,
    hint,
    ...(code === undefined ? {} : { code }),
    reason: 'rollback-failed',
    cause: error,
  })
}
