import { withoutCredentials } from './credentials.ts'
import { cutEnd, cutStart } from './cut.ts'
import { printable, printableLine } from './printable.ts'
import type { Reason } from './reasons.ts'

/** What every expected error carries beside its one-line message. */
export interface ErrorDetail {
  /** What to do next, as one sentence for the person who reads it. */
  hint: string
  cause?: unknown
}

/** Longer than any message that is read; what others wrote into one can be an answer of many megabytes. */
const longestMessage = 8_000
/** The end of what a program wrote to standard error: some hundred lines. */
const longestStderr = 64 * 1024

abstract class ExpectedError extends Error {
  readonly hint: string

  constructor(message: string, { hint, cause }: ErrorDetail) {
    super(messageLine(message), cause === undefined ? undefined : { cause })
    this.hint = messageLine(hint)
    this.name = new.target.name
  }
}

/**
 * The caller's to fix: an input, a line of a file, an environment that is not what was said.
 * Nothing has been touched when it is thrown.
 */
export class InputError extends ExpectedError {
  /** The input that is missing or wrong, and what it accepts, where nothing more was said of what to do. */
  readonly wanted: { input: string; accepts: string } | undefined

  constructor(message: string, detail: ErrorDetail & { wanted?: { input: string; accepts: string } }) {
    super(message, detail)
    this.wanted = detail.wanted
  }

  /**
   * The error for one value.
   * @param where the input's name, or `file:line`
   * @param found what was given, quoted in the message and cut at 80 characters; `undefined` says that it is missing
   * @param accepted what would have been accepted
   * @param hint default: to set it to what is accepted, which is not said twice when it is long
   */
  static of(where: string, found: string | undefined, accepted: string, hint?: string): InputError {
    const got = found === undefined || found === '' ? 'is missing' : `is ${quote(found)}`
    return new InputError(`${where} ${got}; accepted: ${accepted}`, {
      hint:
        hint ?? (accepted.length > 80 ? `Set ${where} to what is accepted.` : `Set ${where} to ${accepted}.`),
      ...(hint === undefined ? { wanted: { input: where, accepts: accepted } } : {}),
    })
  }
}

/** What a tool or service answered when it did not do its work. */
export interface ToolErrorDetail extends ErrorDetail {
  /** The program or service, as its users call it: `pg_dump`, `Kubernetes API`. */
  tool: string
  /** Exit code of a program, or HTTP status of a service. */
  code?: number
  /** The end of what it wrote to standard error, already without secrets. */
  stderr?: string
  /** Set when the step's own reason for a failed tool would say too little: `field-conflict`. */
  reason?: Reason
}

/** A program or service did not do what it was asked to. */
export class ToolError extends ExpectedError {
  readonly tool: string
  readonly code: number | undefined
  readonly stderr: string
  readonly reason: Reason | undefined

  constructor(message: string, detail: ToolErrorDetail) {
    super(withoutCredentials(cutEnd(message, longestMessage)), detail)
    this.tool = detail.tool
    this.code = detail.code
    this.stderr = withoutCredentials(printable(cutStart(detail.stderr ?? '', longestStderr)))
    this.reason = detail.reason
  }
}

/** Something did not happen in the time that it was given. */
export class DeadlineError extends ExpectedError {}

/** Another run took the environment over; this run changes nothing any more. */
export class LeaseLostError extends ExpectedError {}

/** An operator keeps everything automatic away from the environment; this run changes nothing any more. */
export class OnHoldError extends ExpectedError {}

/** A bug whose error reached no handler; that error is its cause. */
export class StrayError extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause })
    this.name = 'StrayError'
  }
}

/** True for the errors that a step turns into an Outcome; anything else is a bug. */
export function isExpected(
  error: unknown,
): error is InputError | ToolError | DeadlineError | LeaseLostError | OnHoldError {
  return error instanceof ExpectedError
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** A value as it may stand in a message: printable, on one line, at most 80 characters. */
export function quote(value: string): string {
  return printableLine(JSON.stringify(cutEnd(value, 80)))
}

/** Cut before anything is looked for in it. */
function messageLine(text: string): string {
  return printableLine(cutEnd(text, longestMessage))
}
