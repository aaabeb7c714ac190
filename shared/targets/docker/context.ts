import type { Environment } from '../../runbook/environment.ts'
import type { DockerSpec } from '../../runbook/schema.ts'
import type { Adapters } from '../adapters.ts'
import type { Engine } from './engine.ts'
import type { Names } from './fleet.ts'

/** What every part of the Docker target works with. */
export interface Context {
  engine: Engine
  environment: Environment
  spec: DockerSpec
  names: Names
  adapters: Adapters
}
