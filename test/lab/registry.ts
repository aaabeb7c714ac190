import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Part } from './part.ts'
import { ports } from './places.ts'
import { LabError } from './lab-error.ts'
import { listens } from './workshop.ts'

const daemon = 'registry/server'
const address = `localhost:${ports.registry}`

async function speaks(): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${ports.registry}/v2/`, {
      signal: AbortSignal.timeout(2000),
    })
    return answer.status === 200
  } catch {
    return false
  }
}

/** A container registry. Docker and the kubelet take `localhost` without TLS. One that answers there already is used. */
export const registry: Part = {
  name: 'registry',
  after: [],
  packages: async () => ((await speaks()) ? [] : [{ name: 'docker-registry', holds: 'docker-registry' }]),
  async up({ places, daemons, until }) {
    if (await speaks()) return { registry: address }
    if (!daemons.runs(daemon) && (await listens(ports.registry))) {
      throw new LabError(
        `port ${ports.registry} is held by a program that is not an open registry`,
        `see which with: ss -ltnp 'sport = :${ports.registry}'; stop it, then run script/lab up again`,
      )
    }
    const folder = join(places.state, 'registry')
    const config = join(folder, 'config.yml')
    mkdirSync(folder, { recursive: true })
    const settings = {
      version: '0.1',
      log: { level: 'warn' },
      storage: { filesystem: { rootdirectory: join(folder, 'images') }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${ports.registry}` },
    }
    writeFileSync(config, JSON.stringify(settings))
    daemons.start({ name: daemon, file: 'docker-registry', args: ['serve', config] })
    await until(`the registry on ${address}`, daemon, 10, speaks)
    return { registry: address }
  },
}
