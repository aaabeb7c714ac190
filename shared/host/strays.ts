import { StrayError } from '../outcome/errors.ts'

/** What of the process is needed here. */
export interface Ending {
  on(event: 'uncaughtException', heard: (error: unknown) => void): unknown
  on(event: 'exit', heard: () => void): unknown
  exitCode?: number | string | null | undefined
}

/** Node's own code for a process in which nothing is left that could still happen, and which was not at its end. */
const nothingLeft = 13
/** The exit code for a bug, as in `cli/exit.ts`. */
const bug = 70

/**
 * Handles errors that reach no handler: an exception in a callback, the rejection of a promise that is not awaited. Node
 * would end the process with 1 at once, in the middle of a release. Here it goes on, so that what was begun is brought to
 * rest and written down; the release is rolled back, by the signal. The process ends with 70, and so does one whose next
 * event never comes, which Node would let end in silence.
 * @param tell told of each, with its stack
 * @returns aborted with a StrayError by the first
 */
export function watchStrays(process: Ending, tell: (line: string) => void): AbortSignal {
  const controller = new AbortController()
  process.on('uncaughtException', error => {
    tell(
      `This error reached no handler: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    )
    controller.abort(new StrayError(error))
  })
  process.on('exit', () => {
    if (process.exitCode === nothingLeft) tell('The work did not end: what it waited for never came.')
    else if (!controller.signal.aborted) return
    process.exitCode = bug
  })
  return controller.signal
}

/**
 * A reader may go away in the middle of a release, and the disk under a redirected stream may be full: then nothing
 * more is told there, and the work goes on. Without a listener, Node would end the process at the next line.
 */
export function outliveReaders(streams: Pick<NodeJS.WritableStream, 'on'>[]): void {
  for (const stream of streams) stream.on('error', () => undefined)
}
