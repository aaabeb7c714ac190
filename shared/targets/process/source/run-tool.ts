import { ToolError } from '../../../outcome/errors.ts'
import type { Variables } from '../../../host/child-environment.ts'
import type { Context } from '../places.ts'

/** A cold installation of a big service takes a few minutes. */
const toolMs = 10 * 60_000

/**
 * Runs a program that makes a release, to its end.
 * @param variables that it is given beside those that any such program gets
 * @throws ToolError with the end of what it wrote
 */
export async function runTool(
  { adapters }: Context,
  file: string,
  args: string[],
  cwd: string,
  variables: Variables = {},
): Promise<void> {
  const { env, exec, signal, secrets } = adapters
  const options = { env, variables, cwd, signal, timeoutMs: toolMs }
  const { code, stdout, stderr } = await exec.run(file, args, options)
  if (code === 0) return
  const written = [stdout, stderr].map(text => text.trim()).filter(text => text !== '')
  throw new ToolError(`${file} ${args[0] ?? ''} ended with code ${code}.`, {
    tool: file,
    reason: 'release-not-made',
    code,
    stderr: secrets.redact(written.join('\n').split('\n').slice(-25).join('\n')),
    hint: 'Fix what it reports, then deploy again.',
  })
}
