import { ToolError } from '../../outcome/errors.ts'
import { openRedis, parseRedisUrl, type RedisSession } from '../../integrations/database/redis.ts'
import { checksOf } from '../../config/checks.ts'
import { showSize } from '../../config/values.ts'
import { throughTunnel } from '../../targets/tunnel.ts'
import { orSkip, pass, skip, type Check, type Finding } from '../check.ts'
import { combine, type Part } from '../combine.ts'
import { readConfiguration } from '../environment/configuration.ts'

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
            const { eviction } = checksOf(environment).redis
            const seen = `Redis ${info.get('redis_version') ?? ''} at ${server.host}:${server.port}`
            return judge(info, seen, eviction)
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

function judge(info: Map<string, string>, seen: string, eviction: string): Finding {
  if (info.size === 0) return pass(`${seen.trim()} answers; the user may not ask for more (INFO)`)
  return combine(seen, [...judgeWrites(info), judgeMemory(info), ...judgeEviction(info, eviction)])
}

function judgeWrites(info: Map<string, string>): Part[] {
  if (info.get('role') === 'slave')
    return [
      {
        result: 'fail',
        finding: 'is a replica and takes no writes',
        remedy: 'Point REDIS_URL at the primary, or promote this server.',
      },
    ]
  // One that refuses writes for it (stop-writes-on-bgsave-error, where it saves by itself) has refused PING, too.
  if (info.get('rdb_last_bgsave_status') === 'err')
    return [
      {
        result: 'warn',
        finding: 'its last snapshot failed, so that what it holds would go with it',
        remedy:
          'Make room in its dir, or correct the rights there; then run BGSAVE and see that it ends well.',
      },
    ]
  return []
}

function judgeMemory(info: Map<string, string>): Part {
  const [used, most] = [Number(info.get('used_memory')), Number(info.get('maxmemory'))]
  const policy = info.get('maxmemory_policy') ?? ''
  if (most === 0) {
    const machine = Number(info.get('total_system_memory') ?? 0)
    const finding = `${showSize(used)} in use, no limit`
    if (machine === 0 || used < machine * nearlyFull) return { result: 'pass', finding, remedy: '' }
    return {
      result: 'warn',
      finding: `${finding}, on a machine of ${showSize(machine)}`,
      remedy: 'Set maxmemory: without it the kernel ends Redis when the memory is gone.',
    }
  }
  const memory = `${showSize(used)} of ${showSize(most)} in use, ${policy}`
  const share = policy === 'noeviction' ? used / most : 0
  const remedy = 'Raise maxmemory, set an eviction policy such as allkeys-lru, or delete keys.'
  if (share >= 1) return { result: 'fail', finding: `${memory}: writes are refused`, remedy }
  if (share >= nearlyFull) return { result: 'warn', finding: `${memory}: writes are soon refused`, remedy }
  return { result: 'pass', finding: memory, remedy: '' }
}

function judgeEviction(info: Map<string, string>, wanted: string): Part[] {
  const policy = info.get('maxmemory_policy') ?? ''
  if (wanted === '' || policy === wanted) return []
  return [
    {
      result: 'fail',
      finding: `evicts by ${policy}, and the runbook wants ${wanted}`,
      remedy: `Run redis-cli CONFIG SET maxmemory-policy ${wanted}, and write it into redis.conf; or correct checks.redis.eviction.`,
    },
  ]
}
