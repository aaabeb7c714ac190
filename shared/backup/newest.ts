import type { Secrets } from '../platform/secrets.ts'
import type { Environment } from '../runbook/environment.ts'
import { newestBackup } from './catalog.ts'
import type { Manifest } from './manifest.ts'
import { readSurroundings, resolveStore, secretVariables } from './where.ts'

interface Means {
  /** The process's own: credentials of the store. */
  env: Record<string, string | undefined>
  secrets: Secrets
  signal: AbortSignal
}

/**
 * The newest verified backup of an environment, in the store that its runbook names.
 * @throws InputError or ToolError when the store cannot be read
 */
export async function newestOf(
  environment: Environment,
  { env, secrets, signal }: Means,
): Promise<{ uri: string; manifest: Manifest } | undefined> {
  const surroundings = readSurroundings(environment, env)
  for (const value of secretVariables(surroundings)) secrets.add(value)
  const store = await resolveStore(surroundings, '')
  const owner = { service: environment.service, environment: environment.name }
  const manifest = await newestBackup(store, owner, signal)
  return manifest && { uri: `${store.uri}/${manifest.key}`, manifest }
}
