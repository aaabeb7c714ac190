import { connect, type PostgresSession } from '../platform/postgres.ts'
import { describeServer, parsePostgresUrl, throughAddress } from '../platform/postgres-url.ts'
import { showSize } from '../runbook/values.ts'
import { throughTunnel } from '../targets/tunnel.ts'
import { fail, orSkip, pass, skip, warn, type Check, type Finding } from './check.ts'
import { readConfiguration } from './configuration.ts'

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

/** PostgreSQL answers the service's own user, takes writes, and has connections left. */
export const database: Check = {
  id,
  title: 'The database answers, takes writes, and has connections left',
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
            return judge(await readState(session), describeServer(server))
          } finally {
            await session.close()
          }
        },
      ),
    )
  },
}

async function readState(session: PostgresSession): Promise<State> {
  const [state] = await session.rows<State>(stateQuery)
  if (!state) throw new Error('an aggregate without a group has one row')
  return state
}

function judge({ version, replica, read_only, bytes, left }: State, where: string): Finding {
  const seen = `PostgreSQL ${version} at ${where}, ${showSize(Number(bytes))}`
  if (replica) {
    return fail(
      `${seen}: is in recovery and takes no writes`,
      'Point DATABASE_URL at the primary, or promote this server.',
    )
  }
  if (read_only) {
    return fail(
      `${seen}: is read-only (default_transaction_read_only)`,
      'Set default_transaction_read_only to off for this database and role.',
    )
  }
  const room = `${left} connections left`
  // Ours is one of those that are counted, and is given back.
  if (left < 0)
    return fail(`${seen}: ${room}`, 'Close idle connections, or raise the limit of server, role or database.')
  if (left < comfortable) {
    return warn(
      `${seen}: only ${room}`,
      `A rollout holds old and new processes at once: make room for ${comfortable} at least.`,
    )
  }
  return pass(`${seen}, ${room}`)
}
