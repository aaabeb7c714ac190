import { ToolError } from '../outcome/errors.ts'
import { openRedis, parseRedisUrl, type RedisSession } from '../platform/redis.ts'
import { showSize } from '../runbook/values.ts'
import { throughTunnel } from '../targets/tunnel.ts'
import { fail, orSkip, pass, skip, warn, type Check, type Finding } from './check.ts'
import { readConfiguration } from './configuration.ts'

const id = 'redis'
const connectMs = 5_000
/** Of maxmemory, where nothing is ever evicted. */
const nearlyFull = 0.9

/** Redis takes the service's password, answers PING, takes writes, and has memory left. */
export const redis: Check = {
  id,
  title: 'Redis answers, takes writes, and has memory left',
  inapplicable: () => '',
  async run(context) {
    const values = await readConfiguration(context)
    const url = values['REDIS_URL']
    if (url === undefined) return skip('the configuration has no REDIS_URL')
    const server = parseRedisUrl('REDIS_URL', url, values['REDIS_PASSWORD'] ?? '')
    const { environment, signal } = context
    return orSkip(id, () =>
      throughTunnel(
        place => context.openTunnel(place),
        environment.tunnels.redis,
        async via => {
          const session = await openRedis({ ...server, via }, { signal, timeoutMs: connectMs })
          try {
            await session.call('PING')
            const info = await readInfo(session)
            return judge(info, `Redis ${info.get('redis_version') ?? ''} at ${server.host}:${server.port}`)
          } finally {
            session.close()
          }
        },
      ),
    )
  },
}

/** What INFO says by name; empty when the user may not ask. */
async function readInfo(session: RedisSession): Promise<Map<string, string>> {
  try {
    const text = String(await session.call('INFO'))
    const lines = text.split('\r\n').map((line): [string, string] => {
      const [name = '', value = ''] = line.split(/:(.*)/s)
      return [name, value]
    })
    return new Map(lines)
  } catch (error) {
    if (error instanceof ToolError && error.message.includes('NOPERM')) return new Map()
    throw error
  }
}

function judge(info: Map<string, string>, seen: string): Finding {
  if (info.size === 0) return pass(`${seen.trim()} answers; the user may not ask for more (INFO)`)
  if (info.get('role') === 'slave') {
    return fail(
      `${seen}: is a replica and takes no writes`,
      'Point REDIS_URL at the primary, or promote this server.',
    )
  }
  const [used, most] = [Number(info.get('used_memory')), Number(info.get('maxmemory'))]
  const policy = info.get('maxmemory_policy') ?? ''
  if (most === 0) return pass(`${seen}: ${showSize(used)} in use, no limit`)
  const memory = `${showSize(used)} of ${showSize(most)} in use, ${policy}`
  const share = policy === 'noeviction' ? used / most : 0
  const remedy = 'Raise maxmemory, set an eviction policy such as allkeys-lru, or delete keys.'
  if (share >= 1) return fail(`${seen}: ${memory}: writes are refused`, remedy)
  if (share >= nearlyFull) return warn(`${seen}: ${memory}: writes are soon refused`, remedy)
  return pass(`${seen}: ${memory}`)
}
