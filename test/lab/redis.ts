import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Part } from './part.ts'
import { hostIp, ports } from './places.ts'
import { secret } from './secrets.ts'
import { listens, mustBeFree } from './workshop.ts'

const daemon = 'redis/server'

/** Redis with a password, in memory only. */
export const redis: Part = {
  name: 'redis',
  after: ['network'],
  packages: () => [{ name: 'redis-server', holds: 'redis-server' }],
  async up(shop) {
    const folder = join(shop.places.state, 'redis')
    const password = secret(shop.places.state, 'redis')
    await mustBeFree(shop, daemon, ports.redis)
    mkdirSync(folder, { recursive: true })
    const settings = [
      `bind 127.0.0.1 ${hostIp}`,
      `port ${ports.redis}`,
      `requirepass ${password}`,
      `dir ${folder}`,
      'save ""',
      'appendonly no',
    ]
    writeFileSync(join(folder, 'redis.conf'), `${settings.join('\n')}\n`, { mode: 0o600 })
    shop.daemons.start({ name: daemon, file: 'redis-server', args: [join(folder, 'redis.conf')] })
    await shop.until(`Redis on port ${ports.redis}`, daemon, 10, () => listens(ports.redis, hostIp))
    return { redis: { host: '127.0.0.1', port: ports.redis, password } }
  },
}
