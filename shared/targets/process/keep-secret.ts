import { recordedSecrets, secretsAmong } from '../../config/env-file/env-file.ts'
import type { ProcessPayload } from './payload.ts'
import type { Context } from './places.ts'

/**
 * From now on the secrets of a recorded release are not shown, whatever its app writes: it may have come with another
 * env-file than there is now.
 */
export function keepSecret(
  { adapters, environment, spec }: Pick<Context, 'adapters' | 'environment' | 'spec'>,
  { body }: ProcessPayload,
): void {
  const own = spec.env ?? {}
  const variables = variablesOf(body)
  const fromFile = Object.entries(variables).filter(([name]) => body.adopted === null && !(name in own))
  const known = [body.version, environment.name, environment.service, spec.app]
  const found = [...secretsAmong(variables), ...recordedSecrets(Object.fromEntries(fromFile), known)]
  for (const value of found) adapters.secrets.add(value)
}

/** An app that was there before this suite has what pm2 gave it, among which are things that are no text. */
function variablesOf({ env, adopted }: ProcessPayload['body']): Record<string, string> {
  const all: Record<string, unknown> = {
    ...env,
    ...(adopted?.['env'] as Record<string, unknown> | undefined),
  }
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
