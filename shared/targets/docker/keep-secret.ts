import type { DockerSpec } from '../../runbook/schema.ts'
import type { Adapters } from '../adapters.ts'
import { secretsAmong, secretsOf } from '../../runbook/env-file.ts'
import { variablesOf } from './containers.ts'
import type { ReleaseRecord } from './record.ts'

/**
 * From now on the secrets of a recorded release are not shown, whatever its container writes: it may have come with
 * another env-file than there is now.
 */
export function keepSecret(
  { adapters, spec }: { adapters: Pick<Adapters, 'secrets'>; spec: Pick<DockerSpec, 'env'> },
  { payload }: ReleaseRecord,
): void {
  const { create, adopted } = payload.body
  const variables = variablesOf(create)
  const fromFile = Object.fromEntries(
    Object.entries(variables).filter(([name]) => adopted === '' && !(name in (spec.env ?? {}))),
  )
  for (const value of [...secretsAmong(variables), ...secretsOf(fromFile)]) adapters.secrets.add(value)
}
