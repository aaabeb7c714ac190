import { dropRestored, lookAt } from '../../backup/restore/put-back.ts'
import { swapDatabases } from '../../backup/restore/swap.ts'
import { readSurroundings, resolveDatabase, secretVariables } from '../../backup/storage/where.ts'
import { LeaseLostError, messageOf, OnHoldError, ToolError } from '../../outcome/errors.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import {
  describeServer,
  withDatabase,
  type PostgresServer,
} from '../../integrations/database/postgres-url.ts'
import { abandonReturn, endReturn } from '../../release/database-return.ts'
import { workingDeadlineMs } from '../../release/lease.ts'
import type { DatabaseReturn } from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import { showDuration } from '../../config/values.ts'
import { throughTunnel, type Address } from '../../targets/tunnel.ts'
import type { TargetPorts } from '../step/ports.ts'
import type { Held } from '../step/held-lock.ts'

/** Long enough for the grace of any pod or container (Kubernetes' default is 30 s). */
const leastStopMs = 120_000

export interface PuttingBack {
  environment: Environment
  ports: TargetPorts
  held: Held
  timeoutMs: number
  /** Empty for the service's own DATABASE_URL. */
  databaseUrl: string
}

/** What became of a database that was being put back. */
export interface PutBack {
  kind: 'returned' | 'abandoned'
  /** Why it was given up; empty when it was not. */
  why: string
  evidence: Evidence[]
}

/**
 * Goes on with a database that is being put back, wherever it was left, until it bears the live name, or is given up and
 * the live one is as it was (`release/database-return.ts`). The ledger then says what has to serve upon it.
 * @returns undefined when none is being put back
 * @throws ToolError when the database server does not answer: then everything stays as it is, for settle
 */
export async function putDatabaseBack(work: PuttingBack): Promise<PutBack | undefined> {
  const { environment, ports, held } = work
  const database = held.lock.ledger.restoring?.database
  if (!database) return undefined
  return throughTunnel(
    place => ports.openTunnel(place),
    environment.tunnels.database,
    via => finish(work, serverOf(work, database, via), database),
  )
}

async function finish(work: PuttingBack, server: PostgresServer, database: DatabaseReturn): Promise<PutBack> {
  const { ports, held } = work
  const { lock } = held
  const evidence: Evidence[] = []
  for (let why = ''; ;) {
    switch (await lookAt(ports, server, database)) {
      case 'swapped':
        await lock.update(endReturn)
        return { kind: 'returned', why: '', evidence: [...evidence, returned(database)] }
      case 'gone': {
        const at = new Date(ports.clock.now()).toISOString()
        await lock.update(ledger => abandonReturn(ledger, at))
        why ||= `${database.restored} is gone from ${describeServer(server)}`
        const finding = `was not put back, and is as it was: ${why}`
        return { kind: 'abandoned', why, evidence: [{ subject: 'database', finding, tone: 'bad' }] }
      }
      case 'waiting':
        try {
          evidence.push(await swapWhileStopped(work, server, database))
        } catch (error) {
          if (error instanceof LeaseLostError || error instanceof OnHoldError) throw error
          held.signal.throwIfAborted()
          if (!(error instanceof ToolError)) throw error
          why = messageOf(error)
          ports.log.error(`The database cannot be put back: ${why}`)
          await dropRestored(ports, server, database)
        }
    }
  }
}

/** The service is stopped first: what it wrote after the swap would go into the wrong database. */
async function swapWhileStopped(
  { ports, held, timeoutMs }: PuttingBack,
  server: PostgresServer,
  database: DatabaseReturn,
): Promise<Evidence> {
  ports.log.info('Stopping the service, so that nothing writes while the databases are swapped.')
  const stopped = await held.lock.stop({
    timeoutMs: Math.max(timeoutMs, leastStopMs),
    signal: held.signal,
    onProgress: line => ports.log.info(line),
  })
  for (const { object } of stopped) ports.log.info(`stopped ${object}`)
  // Not by a run that slept meanwhile: it would end the connections of whatever serves by now.
  await held.lock.renew(workingDeadlineMs)
  const ms = await swapDatabases(server, database, ports.clock)
  ports.log.info(`${database.live} is the restored one now; what was live is kept as ${database.kept}.`)
  return { subject: 'swap', finding: `took ${showDuration(ms)}, with the service stopped`, tone: 'note' }
}

function returned({ backup, kept }: DatabaseReturn): Evidence {
  const finding = `is that of ${backup}; what was live is kept whole, as ${kept}`
  return { subject: 'database', finding, tone: 'good' }
}

function serverOf(
  { environment, ports, databaseUrl }: PuttingBack,
  { live }: DatabaseReturn,
  via: Address | undefined,
): PostgresServer {
  const surroundings = readSurroundings(environment, ports.env)
  const server = resolveDatabase(surroundings, databaseUrl, via)
  for (const value of [server.password, ...secretVariables(surroundings)]) ports.secrets.add(value)
  return withDatabase(server, live)
}
