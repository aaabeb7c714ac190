import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { placesOf, type Places } from './places.ts'
import { Daemons } from './process.ts'

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
  /** Base URL. It scrapes nothing at first: a test that needs it adds files to `targetsDir` and `rulesDir`. */
  prometheus: { url: string; targetsDir: string; rulesDir: string }
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

/** The lab, which must be up and whole. */
export function openLab(): Lab {
  const places = placesOf(process.env)
  const lab = readLab(places)
  const daemons = new Daemons(places.state)
  const dead = daemons.names().filter(name => !daemons.runs(name))
  if (lab === undefined) throw new Error('the lab is down; start it with: script/lab up')
  if (dead.length > 0) throw new Error(`the lab has lost ${dead.join(', ')}; repair it with: script/lab up`)
  return lab
}

/** The lab, started if need be. `startedByUs` tells the caller to take it down when it is done. */
export async function ensureLab(): Promise<{ lab: Lab; startedByUs: boolean }> {
  const places = placesOf(process.env)
  const daemons = new Daemons(places.state)
  const startedByUs = !daemons.names().some(name => daemons.runs(name))
  const command = join(places.source, '../../script/lab')
  const child = spawn(command, ['up'], { stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error('the lab could not be started; the lines above say why')
  return { lab: openLab(), startedByUs }
}
