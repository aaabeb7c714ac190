import type { Environment } from '../../../config/environment.ts'
import type { DockerSpec } from '../../../config/schema/schema.ts'
import type { Adapters } from '../../adapters.ts'
import type { Engine } from './engine.ts'
import type { Names } from '../apply/fleet.ts'

/** What every part of the Docker target works with. */
export interface Context {
  engine: Engine
  environment: Environment
  spec: DockerSpec
  names: Names
  adapters: Adapters
}
