import semver from 'semver'
import { mayCreateDatabases } from '../../backup/verify/plan-verification.ts'
import { connect, quoteIdentifier, type PostgresSession } from '../../integrations/database/postgres.ts'
import { findPooler, isAnnouncedByAnother } from '../../integrations/database/postgres-pooler.ts'
import {
  describeServer,
  parsePostgresUrl,
  throughAddress,
  type PostgresServer,
} from '../../integrations/database/postgres-url.ts'
import { checksOf } from '../../config/checks.ts'
import { showSize } from '../../config/values.ts'
import { throughTunnel } from '../../targets/tunnel.ts'
import { orSkip, skip, type Check, type CheckContext, type Finding } from '../check.ts'
import { combine, type Part } from '../combine.ts'
import { readConfiguration } from '../environment/configuration.ts'
import { judgeDisk } from './database-disk.ts'
import { judgeReplication } from './database-replication.ts'

const id = 'database'
const connectMs = 5_000
/** During a rollout old and new processes are connected at once: two replicas with pools of five, at the least. */
const comfortable = 10

interface State {
  version: string
  replica: boolean
  read_only: boolean
  bytes: string
  left: number
}

/** What is left is the least of what server, role and database allow; -1 in a limit is none. */
const stateQuery = `
  select
    current_setting('server_version') as version,
    pg_is_in_recovery() as replica,
    current_setting('default_transaction_read_only') = 'on' as read_only,
    pg_database_size(current_database())::text as bytes,
    least(
      current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0)
        - count(*) filter (where datname is not null),
      coalesce(
        (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user)
          - count(*) filter (where usename = current_user),
        2147483647),
      coalesce(
        (select nullif(datconnlimit, -1) from pg_database where datname = current_database())
          - count(*) filter (where datname = current_database()),
        2147483647)
    )::int as left
  from pg_stat_activity`

/** PostgreSQL answers the service's own user, takes writes, has connections and disk left, and its replicas keep up. */
export const database: Check = {
  id,
  title: 'The database answers, takes writes, has connections and disk left, and its replicas keep up',
  inapplicable: ({ envFile, target }) =>
    envFile === '' && target.kind !== 'kubernetes' && !target.env?.['DATABASE_URL']
      ? 'the runbook names no env-file, so no DATABASE_URL is known'
      : '',
  async run(context) {
    const url = (await readConfiguration(context))['DATABASE_URL']
    if (url === undefined) return skip('the configuration has no DATABASE_URL')
    const server = parsePostgresUrl('DATABASE_URL', url, {})
    const { environment, signal } = context
    return orSkip(id, () =>
      throughTunnel(
        place => context.openTunnel(place),
        environment.tunnels.database,
        async via => {
          const session = await connect(throughAddress(server, via), { signal, timeoutMs: connectMs })
          try {
            // At the other end of a tunnel, nothing of this machine is the server's.
            return await judge(
              session,
              throughAddress(server, via),
              via === undefined ? server.host : '',
              context,
            )
          } finally {
            await session.close()
          }
        },
      ),
    )
  },
}

async function judge(
  session: PostgresSession,
  server: PostgresServer,
  localHost: string,
  context: CheckContext,
): Promise<Finding> {
  const state = await readState(session)
  const { database: wanted } = checksOf(context.environment)
  const seen = `PostgreSQL ${state.version} at ${describeServer(server)}, ${showSize(Number(state.bytes))}`
  return combine(seen, [
    ...(await judgeWayToBackups(session, server, context)),
    ...judgeRole(state),
    ...judgeVersion(state.version, wanted.version),
    judgeConnections(state.left),
    ...(await judgeReplication(session, wanted)),
    ...(await judgeDisk(session, localHost, context)),
  ])
}

/** Whether a backup and a restore can go by the address that the service has. */
async function judgeWayToBackups(
  session: PostgresSession,
  server: PostgresServer,
  { environment, signal }: CheckContext,
): Promise<Part[]> {
  if (!environment.backup) return []
  const { destination, envFile } = environment.backup
  // Then they go by another address, as another user.
  if (envFile !== '') return []
  if (await isAnnouncedByAnother(session)) {
    const pooler = await findPooler(server, { signal, timeoutMs: connectMs })
    if (pooler?.lends === 'for-a-transaction')
      return [
        {
          result: 'warn',
          finding: `is reached through a connection pooler that lends its sessions, so no backup goes to ${destination} by this address`,
          remedy:
            'Give backups the address of the server itself: as database-url, or as DATABASE_URL of the file that backup.env-file of the runbook names.',
        },
      ]
  }
  if (await mayCreateDatabases(session)) return []
  return [
    {
      result: 'warn',
      finding: `${server.user} may not create databases, so restore-db would be refused`,
      remedy: `Let a superuser run: ALTER ROLE ${quoteIdentifier(server.user)} CREATEDB`,
    },
  ]
}

async function readState(session: PostgresSession): Promise<State> {
  const [state] = await session.rows<State>(stateQuery)
  if (!state) throw new Error('an aggregate without a group has one row')
  return state
}

function judgeRole({ replica, read_only }: State): Part[] {
  if (replica)
    return [
      {
        result: 'fail',
        finding: 'is in recovery and takes no writes',
        remedy: 'Point DATABASE_URL at the primary, or promote this server.',
      },
    ]
  if (read_only)
    return [
      {
        result: 'fail',
        finding: 'is read-only (default_transaction_read_only)',
        remedy: 'Set default_transaction_read_only to off for this database and role.',
      },
    ]
  return []
}

function judgeVersion(version: string, wanted: string): Part[] {
  const found = semver.coerce(version)
  if (wanted === '' || !found || semver.satisfies(found, wanted)) return []
  return [
    {
      result: 'fail',
      finding: `is not ${wanted}, as the runbook wants it`,
      remedy: 'Point DATABASE_URL at the server that was upgraded, or correct checks.database.version.',
    },
  ]
}

function judgeConnections(left: number): Part {
  const room = `${left} connections left`
  // Ours is one of those that are counted, and is given back.
  if (left < 0)
    return {
      result: 'fail',
      finding: room,
      remedy: 'Close idle connections, or raise the limit of server, role or database.',
    }
  if (left < comfortable)
    return {
      result: 'warn',
      finding: `only ${room}`,
      remedy: `A rollout holds old and new processes at once: make room for ${comfortable} at least.`,
    }
  return { result: 'pass', finding: room, remedy: '' }
}
