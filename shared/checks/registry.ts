import { backup } from './backup.ts'
import { certificate } from './certificate.ts'
import type { Check } from './check.ts'
import { database } from './database.ts'
import { envFile } from './env-file.ts'
import { host } from './host.ts'
import { image } from './image.ts'
import { manifests } from './manifests.ts'
import { redis } from './redis.ts'
import { resources } from './resources.ts'
import { rollbackPossible } from './rollback-possible.ts'
import { service } from './service.ts'
import { tools } from './tools.ts'

/** Every check, in the order of the guide's list: environment, infrastructure, release, way back. */
export const checks: readonly Check[] = [
  envFile,
  database,
  redis,
  host,
  tools,
  certificate,
  service,
  backup,
  image,
  manifests,
  resources,
  rollbackPossible,
]
