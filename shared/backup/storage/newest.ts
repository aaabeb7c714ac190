import type { Clock } from '../../host/clock.ts'
import type { Log } from '../../host/log.ts'
import type { Secrets } from '../../host/secrets/secrets.ts'
import type { Environment } from '../../config/environment.ts'
import { newestBackup } from './catalog.ts'
import type { ReadManifest } from './manifest.ts'
import { readingOf } from '../encryption/trust.ts'
import { readSurroundings, resolveStore, secretVariables } from './where.ts'

interface Means {
  /** The process's own: credentials of the store. */
  env: Record<string, string | undefined>
  secrets: Secrets
  clock: Clock
  /** Receives one warning that names what was passed over in the store. */
  log: Pick<Log, 'warn'>
  signal: AbortSignal
}

/**
 * The newest verified backup of an environment, in the store that its runbook names.
 * @throws InputError or ToolError when the store cannot be read
 */
export async function newestOf(
  environment: Environment,
  { env, secrets, ...ports }: Means,
): Promise<({ uri: string } & ReadManifest) | undefined> {
  const surroundings = readSurroundings(environment, env)
  for (const value of secretVariables(surroundings)) secrets.add(value)
  const store = await resolveStore(surroundings, '')
  const owner = { service: environment.service, environment: environment.name }
  const newest = await newestBackup(store, owner, readingOf(environment, ports))
  return newest && { uri: `${store.uri}/${newest.manifest.key}`, ...newest }
}
