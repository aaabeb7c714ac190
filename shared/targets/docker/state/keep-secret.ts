import { recordedSecrets, secretsAmong } from '../../../config/env-file/env-file.ts'
import type { Environment } from '../../../config/environment.ts'
import type { DockerSpec } from '../../../config/schema/schema.ts'
import type { Adapters } from '../../adapters.ts'
import { variablesOf } from '../engine/containers.ts'
import type { ReleaseRecord } from './record.ts'

/** Whose releases they are. */
interface Owner {
  adapters: Pick<Adapters, 'secrets'>
  environment: Pick<Environment, 'name' | 'service'>
  spec: Pick<DockerSpec, 'env' | 'container'>
}

/**
 * From now on the secrets of a recorded release are not shown, whatever its container writes: it may have come with
 * another env-file than there is now.
 */
export function keepSecret({ adapters, environment, spec }: Owner, { entry, payload }: ReleaseRecord): void {
  const { create, adopted } = payload.body
  const variables = variablesOf(create)
  const fromFile = Object.fromEntries(
    Object.entries(variables).filter(([name]) => adopted === '' && !(name in (spec.env ?? {}))),
  )
  const known = [entry.version, environment.name, environment.service, spec.container]
  for (const value of [...secretsAmong(variables), ...recordedSecrets(fromFile, known)])
    adapters.secrets.add(value)
}
