import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'

/** A primary and its replica: servers of the test's own, since what is done to them would disturb others. */
export interface OwnPostgres {
  /** URL of the superuser at each; every user may log in without a password. */
  primary: string
  replica: string
  stop(): Promise<void>
}

/** PostgreSQL refuses to run as root. */
const asPostgres = ['--reuid=postgres', '--regid=postgres', '--init-groups']

/** @param more settings of the primary, like `archive_mode=on` */
export async function startPostgres(binDir: string, more: string[] = []): Promise<OwnPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'e2e-postgres-'))
  execFileSync('chown', ['postgres:postgres', folder])
  const children: ChildProcess[] = []
  const run = (program: string, ...args: string[]) =>
    execFileSync('setpriv', [...asPostgres, join(binDir, program), ...args], { cwd: '/', stdio: 'pipe' })
  const [data, copy] = [join(folder, 'primary'), join(folder, 'replica')]
  run('initdb', '-D', data, '-U', 'postgres', '--auth=trust', '--no-locale', '--no-sync')
  const primary = await start(data, more)
  const { port } = new URL(primary)
  const connection = ['-h', '127.0.0.1', '-p', port, '-U', 'postgres']
  run('pg_basebackup', ...connection, '-D', copy, '-R', '--checkpoint=fast', '--no-sync')
  const replica = await start(copy, [])
  return {
    primary,
    replica,
    async stop() {
      for (const child of children) {
        child.kill('SIGQUIT')
        await once(child, 'exit')
      }
      rmSync(folder, { recursive: true })
    },
  }

  async function start(from: string, others: string[]): Promise<string> {
    const own = await freePort()
    const settings = [
      `port=${own}`,
      'listen_addresses=127.0.0.1',
      'fsync=off',
      'unix_socket_directories=',
      ...others,
    ]
    const args = [
      ...asPostgres,
      join(binDir, 'postgres'),
      '-D',
      from,
      ...settings.flatMap(each => ['-c', each]),
    ]
    children.push(spawn('setpriv', args, { cwd: '/', stdio: 'ignore' }))
    const url = `postgres://postgres@127.0.0.1:${own}/postgres`
    await accepting(url)
    return url
  }
}

/** Runs one statement, by itself. */
export async function sql<T extends object>(url: string, statement: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
    .query<T>(statement)
    .then(({ rows }) => rows)
    .finally(() => client.end())
}

async function accepting(url: string): Promise<void> {
  const giveUp = performance.now() + 30_000
  for (;;) {
    try {
      await sql(url, 'select 1')
      return
    } catch (error) {
      if (performance.now() > giveUp) throw error
      await pause(20)
    }
  }
}

/** A port of this machine at which nothing listens. */
export async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  listener.close()
  await once(listener, 'close')
  return port
}
