import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'

/** The folders of the lab. Everything that it keeps is under `cache`, and nothing else is. */
export interface Places {
  /** What the lab's control groups and networks are called: the same at every `up`, another for another user. */
  name: string
  /** `~/.cache/runbook-actions`. */
  cache: string
  /** Programs built from source, kept between runs. */
  bin: string
  /** Data, logs, certificates and records of what runs. */
  state: string
  /** Sockets alone: their paths must be short, and must not outlive a reboot. */
  sockets: string
  /** This folder of the repository. */
  source: string
}

/** Where the lab of this user is. `env` needs HOME or XDG_CACHE_HOME. */
export function placesOf(env: Record<string, string | undefined>): Places {
  const { HOME, XDG_CACHE_HOME } = env
  // An empty variable counts as unset, as the XDG specification says.
  const home = [XDG_CACHE_HOME, HOME && join(HOME, '.cache')].find(folder => folder)
  if (home === undefined) throw new Error('neither HOME nor XDG_CACHE_HOME is set, so the lab has no folder')
  return placesAt(join(home, 'runbook-actions', 'lab'))
}

/** The places of the lab that has its state there. */
export function placesAt(state: string): Places {
  const cache = dirname(state)
  const name = `lab-${createHash('sha256').update(state).digest('hex').slice(0, 8)}`
  return {
    name,
    cache,
    bin: join(cache, 'bin'),
    state,
    sockets: join('/run', name),
    source: import.meta.dirname,
  }
}

/** The address under which containers, pods and this machine all find the lab's services. */
export const hostIp = '10.254.0.1'

/** Where each part listens: on loopback and on `hostIp`, so that pods can use the same services as the tests. */
export const ports = {
  postgres: 15432,
  redis: 16379,
  s3: 17070,
  registry: 5000,
  prometheus: 19090,
  apiserver: 16443,
  metrics: 14443,
}

/** The networks behind the bridges; none of them is routed beyond this machine. */
export const networks = { host: '10.254.0.1/24', pods: '10.254.16.0/20', services: '10.254.32.0/20' }
