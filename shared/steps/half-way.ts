import { ToolError } from '../outcome/errors.ts'

/**
 * What fails a way back that has begun, whatever it was: the environment may be half-way, and that counts more than why.
 * A refusal of the database comes before anything is touched and stays what it is.
 */
export function halfWay(error: unknown): unknown {
  if (!(error instanceof ToolError) || error.reason === undefined || error.reason === 'restore-refused')
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
