import type { WorkflowCommands } from '../workflow-commands.ts'

/** More would be read by the runner against every line of the job from then on. */
const mostMasks = 500

/**
 * Asks the runner to mask values in what other programs of the job print: the first 500. What this suite prints is redacted
 * before it is printed, whatever the runner masks (`secrets.ts`).
 * @param commands where to ask
 * @param warn given one line when there are more values than are masked
 */
export function createMasks(
  commands: Pick<WorkflowCommands, 'command'>,
  warn: (line: string) => void,
): (value: string) => void {
  let masks = 0
  return value => {
    masks++
    if (masks <= mostMasks) commands.command('add-mask', {}, value)
    if (masks === mostMasks + 1)
      warn(
        `! More than ${mostMasks} secret values: the runner masks the first ${mostMasks} in other programs' output. This step prints none of them.`,
      )
  }
}
