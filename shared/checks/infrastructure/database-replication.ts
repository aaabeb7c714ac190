import type { PostgresSession } from '../../integrations/database/postgres.ts'
import type { ChecksSpec } from '../../config/environment.ts'
import { showDuration, showSize } from '../../config/values.ts'
import type { Part } from '../combine.ts'

/** Four segments of write-ahead log: more is no hiccup. */
const muchBytes = 64 * 2 ** 20
/** What a slot without a reader may keep back before it is worth a word. */
const muchKept = 2 ** 30

interface Replica {
  name: string
  /** Null where the user may not see it (pg_monitor may). */
  state: string | null
  lag_ms: number
  bytes: number | null
}

/** A base backup is connected as a replica is, and is none. */
const replicasQuery = `
  select
    coalesce(application_name, '') as name,
    state,
    coalesce(extract(epoch from replay_lag) * 1000, 0)::float8 as lag_ms,
    pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8 as bytes
  from pg_stat_replication
  where state is distinct from 'backup'`

const slotsQuery = `
  select slot_name as name, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 as kept
  from pg_replication_slots
  where not active and restart_lsn is not null`

/** Whether replicas are there and keep up, and nothing that is gone keeps write-ahead log back until the disk is full. */
export async function judgeReplication(
  session: PostgresSession,
  { replicas: wanted, maxLagMs }: ChecksSpec['database'],
): Promise<Part[]> {
  const [{ replica } = { replica: true }] = await session.rows<{ replica: boolean }>(
    'select pg_is_in_recovery() as replica',
  )
  if (replica) return []
  const replicas = await session.rows<Replica>(replicasQuery)
  const slots = await session.rows<{ name: string; kept: number }>(slotsQuery)
  return [
    ...countPart(replicas.length, wanted),
    ...replicas.flatMap(each => lagPart(each, maxLagMs)),
    ...slots.filter(({ kept }) => kept > muchKept).map(slotPart),
  ]
}

function countPart(found: number, wanted: number | undefined): Part[] {
  const said = found === 1 ? '1 replica' : `${found} replicas`
  if (wanted !== undefined && found < wanted)
    return [
      {
        result: 'fail',
        finding: `${said} connected, of ${wanted}`,
        remedy: 'Bring the missing replica back first: while it is gone, the primary is all there is.',
      },
    ]
  return found === 0 ? [] : [{ result: 'pass', finding: said, remedy: '' }]
}

function lagPart({ name, state, lag_ms, bytes }: Replica, maxLagMs: number): Part[] {
  const who = name === '' ? 'a replica' : `replica ${name}`
  if (state === null)
    return [{ result: 'pass', finding: `how far ${who} is behind may only pg_monitor see`, remedy: '' }]
  if (lag_ms <= maxLagMs && (bytes ?? 0) <= muchBytes) return []
  return [
    {
      result: 'warn',
      finding: `${who} is behind by ${showSize(bytes ?? 0)} and ${showDuration(lag_ms)}`,
      remedy:
        'Look at what holds the replica up (pg_wal_replay_resume, long queries, its disk) before the release writes more.',
    },
  ]
}

function slotPart({ name, kept }: { name: string; kept: number }): Part {
  return {
    result: 'warn',
    finding: `slot ${name} has no reader and keeps ${showSize(kept)} of write-ahead log`,
    remedy: `Bring its reader back, or drop it before the disk is full: select pg_drop_replication_slot('${name}')`,
  }
}
