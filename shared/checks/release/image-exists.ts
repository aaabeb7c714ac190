import { resolveImage } from '../../integrations/registry/registry.ts'
import type { CheckContext } from '../check.ts'

/**
 * The exact image of a reference, after the registry or engine that keeps it was asked for it: a target takes a digest at its word, and a
 * digest that the registry has lost is found out when it is too late.
 * @throws InputError or ToolError when it is not there, or may not be pulled
 */
export async function findImage(context: CheckContext, version: string, reference: string): Promise<string> {
  const { env, exec, signal, environment } = context
  const tokenHosts = environment.image?.tokenHosts ?? []
  const pinned = await (await context.target()).pin({ version, image: reference })
  if (reference.includes('@')) await resolveImage(reference, { env, exec, signal, tokenHosts })
  return pinned
}
