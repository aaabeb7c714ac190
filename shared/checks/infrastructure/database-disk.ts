import { ToolError } from '../../outcome/errors.ts'
import { readHost } from '../../host/host.ts'
import type { PostgresSession } from '../../integrations/database/postgres.ts'
import { checksOf } from '../../config/checks.ts'
import { showSize } from '../../config/values.ts'
import type { CheckContext } from '../check.ts'
import type { Part } from '../combine.ts'
import { askPrometheus } from './prometheus.ts'

/**
 * The database's disk. SQL does not tell it: on this machine it is the file system's word, elsewhere that of Prometheus, by
 * the query of the runbook; else it is not known, and that is said.
 */
export async function judgeDisk(
  session: PostgresSession,
  host: string,
  context: CheckContext,
): Promise<Part[]> {
  const { gate, monitoring } = context.environment
  const { disk: query } = checksOf(context.environment).database
  if (query !== '' && monitoring.prometheus !== '') {
    const samples = await askPrometheus(context, prometheus => prometheus.query(query)).catch(
      (error: unknown) => {
        if (error instanceof ToolError) return error
        throw error
      },
    )
    if (samples instanceof ToolError)
      return [{ result: 'warn', finding: `its disk is not known: ${samples.message}`, remedy: samples.hint }]
    const used = Math.max(...samples.map(({ value }) => value))
    if (samples.length === 0 || !Number.isFinite(used))
      return [
        {
          result: 'warn',
          finding: 'Prometheus does not know its disk',
          remedy: 'Fix the query checks.database.disk: try it in the web interface of Prometheus.',
        },
      ]
    return [diskPart(used, gate.disk, '')]
  }
  const folder = isHere(host) ? await dataFolder(session) : ''
  const disk = folder === '' ? undefined : await readHost(folder).catch(() => undefined)
  if (!disk && query !== '')
    return [
      {
        result: 'warn',
        finding: 'its disk is not known: no Prometheus answers checks.database.disk',
        remedy: 'Name the Prometheus that answers it in monitoring.prometheus of the runbook.',
      },
    ]
  if (!disk) return [{ result: 'pass', finding: 'its disk cannot be seen from here', remedy: '' }]
  return [diskPart(disk.disk.share, gate.disk, `, ${showSize(disk.disk.freeBytes)} free`)]
}

function diskPart(used: number, most: number, more: string): Part {
  const finding = `its disk is ${Math.round(used * 100)}% full${more}`
  if (used < most) return { result: 'pass', finding, remedy: '' }
  return {
    result: 'fail',
    finding,
    remedy:
      'Make room on the disk of the database first: a backup and a migration both need some, and a full one stops all writes.',
  }
}

function isHere(host: string): boolean {
  return host.startsWith('/') || /^(localhost|127\.|::1$)/.test(host)
}

/** Empty when the user may not know (pg_read_all_settings may). */
async function dataFolder(session: PostgresSession): Promise<string> {
  const [row] = await session.rows<{ setting: string }>(
    "select setting from pg_settings where name = 'data_directory'",
  )
  return row?.setting ?? ''
}
