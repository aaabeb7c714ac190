import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Places } from './places.ts'

/** What the parts contribute: how each is reached. */
export interface LabParts {
  /** Path of a kubeconfig whose user may do everything. */
  kubeconfig: string
  /** Paths of programs. */
  kubectl: string
  act: string
  node: string
  /** A folder with `kubectl`, `act` and `node` under their plain names, to be put on PATH. */
  binDir: string
  docker: { host: string }
  /** `localhost:5000`, for Docker and for the cluster alike. */
  registry: string
  /** A superuser; `url` names the database `postgres`. `binDir` has pg_dump, psql and the like. */
  postgres: { host: string; port: number; user: string; password: string; url: string; binDir: string }
  redis: { host: string; port: number; password: string }
  s3: { endpoint: string; accessKeyId: string; secretAccessKey: string; region: string }
}

/** A lab that is up. PostgreSQL, Redis and S3 also listen on `hostIp`, where pods and containers find them. */
export interface Lab extends LabParts {
  hostIp: string
}

/** The lab that these folders know of, or undefined when it is down. */
export function readLab(places: Places): Lab | undefined {
  try {
    return JSON.parse(readFileSync(join(places.state, 'lab.json'), 'utf8')) as Lab
  } catch {
    return undefined
  }
}
