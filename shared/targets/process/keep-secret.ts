import { secretsAmong, secretsOf } from '../../runbook/env-file.ts'
import type { ProcessPayload } from './payload.ts'
import type { Context } from './places.ts'

/**
 * From now on the secrets of a recorded release are not shown, whatever its app writes: it may have come with another
 * env-file than there is now.
 */
export function keepSecret(
  { adapters, spec }: Pick<Context, 'adapters' | 'spec'>,
  { body }: ProcessPayload,
): void {
  const own = spec.env ?? {}
  const fromFile = Object.entries(body.env).filter(([name]) => body.adopted === null && !(name in own))
  const found = [...secretsAmong(variablesOf(body)), ...secretsOf(Object.fromEntries(fromFile))]
  for (const value of found) adapters.secrets.add(value)
}

/** An app that was there before this suite has the variables that pm2 gave it. */
function variablesOf({ env, adopted }: ProcessPayload['body']): Record<string, string> {
  const before = Object.entries((adopted?.['env'] ?? {}) as Record<string, unknown>)
  const texts = before.filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return { ...env, ...Object.fromEntries(texts) }
}
