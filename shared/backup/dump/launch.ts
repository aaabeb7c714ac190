import type { PostgresServer } from '../../integrations/database/postgres-url.ts'
import { inContainer } from './container.ts'
import type { BackupPorts } from '../ports.ts'
import type { Programs } from './programs.ts'

/**
 * How one of PostgreSQL's client programs is started: itself, or in a container.
 * @param server that it is to reach; undefined when it reads and writes streams alone
 * @param env that it is to have
 * @param files that it reads, by their absolute paths
 * @returns the program and its arguments
 */
export function launch(
  programs: Programs,
  program: 'pg_dump' | 'pg_restore',
  args: string[],
  server: PostgresServer | undefined,
  env: BackupPorts['env'],
  files: string[] = [],
): [string, string[]] {
  const { image, pgDump, pgRestore, launcher } = programs
  if (image !== undefined) return inContainer(image, program, args, server, env, files)
  if (program === 'pg_restore') return [pgRestore, args]
  const [first, ...rest] = [...launcher, pgDump, ...args]
  return [first ?? pgDump, rest]
}
