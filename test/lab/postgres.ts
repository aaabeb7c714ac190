import { chownSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Part } from './part.ts'
import { hostIp, ports } from './places.ts'
import { secret } from './secrets.ts'
import { LabError } from './lab-error.ts'
import { mustBeFree, type Workshop } from './workshop.ts'

const daemon = 'postgres/server'
const versions = '/usr/lib/postgresql'

/** The programs of the newest PostgreSQL that Debian has installed. */
function binaries(): string {
  const newest = readdirSync(versions)
    .map(Number)
    .sort((a, b) => b - a)
    .find(version => existsSync(join(versions, String(version), 'bin/initdb')))
  if (newest === undefined)
    throw new LabError(`no PostgreSQL server under ${versions}`, 'apt-get install postgresql')
  return join(versions, String(newest), 'bin')
}

/**
 * PostgreSQL refuses to run as root, and the user `postgres` may not enter root's home, where the lab's folder usually
 * is. It gets the one capability to read its way there instead of a home that is open to every user.
 */
const asPostgres = (file: string, args: string[]) => [
  '--reuid=postgres',
  '--regid=postgres',
  '--init-groups',
  '--inh-caps=+dac_read_search',
  '--ambient-caps=+dac_read_search',
  file,
  ...args,
]

async function initialise({ run }: Workshop, binDir: string, data: string, password: string): Promise<void> {
  const folder = join(data, '..')
  mkdirSync(folder, { recursive: true })
  const uid = Number(await run('id', ['-u', 'postgres']))
  const gid = Number(await run('id', ['-g', 'postgres']))
  chownSync(folder, uid, gid)
  // initdb fills a folder of another name: one that it left half done is never taken for a cluster.
  const [half, passwordFile] = [join(folder, 'half'), join(folder, 'password')]
  rmSync(half, { recursive: true, force: true })
  writeFileSync(passwordFile, password, { mode: 0o600 })
  chownSync(passwordFile, uid, gid)
  const settings = [
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
  ]
  await run(
    'setpriv',
    asPostgres(join(binDir, 'initdb'), ['-D', half, '--locale=C.UTF-8', '--no-sync', ...settings]),
    {
      cwd: '/',
    },
  )
  rmSync(passwordFile)
  // It listens on the two addresses alone, so a client that gets here is this machine or one of its pods.
  writeFileSync(
    join(half, 'pg_hba.conf'),
    'host all all 0.0.0.0/0 scram-sha-256\nlocal all all scram-sha-256\n',
  )
  await run('mv', [half, data])
}

/** PostgreSQL in a cluster of its own, without fsync: its data need not survive a power cut. */
export const postgres: Part = {
  name: 'postgres',
  after: ['network'],
  packages: () => [
    { name: 'postgresql', holds: versions },
    // What opens a backup without us.
    ...['age', 'zstd'].map(name => ({ name, holds: name })),
    { name: 'gnupg', holds: 'gpg' },
    // What services have between them and the server.
    { name: 'pgbouncer', holds: 'pgbouncer' },
  ],
  async up(shop) {
    const binDir = binaries()
    const data = join(shop.places.state, 'postgres/data')
    const password = secret(shop.places.state, 'postgres')
    await mustBeFree(shop, daemon, ports.postgres)
    if (!existsSync(data)) {
      shop.say('postgres', 'making a database cluster')
      await initialise(shop, binDir, data, password)
    }
    const settings = {
      listen_addresses: `127.0.0.1,${hostIp}`,
      port: ports.postgres,
      unix_socket_directories: join(data, '..'),
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: 200,
    }
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const args = asPostgres(join(binDir, 'postgres'), ['-D', data, ...options])
    // SIGQUIT ends it without a checkpoint: its data goes anyway.
    shop.daemons.start({ name: daemon, file: '/usr/bin/setpriv', args, stop: 'SIGQUIT' })
    const probe = ['-h', hostIp, '-p', String(ports.postgres), '-q']
    await shop.until(`PostgreSQL on port ${ports.postgres}`, daemon, 30, async () =>
      shop.run(join(binDir, 'pg_isready'), probe).then(
        () => true,
        () => false,
      ),
    )
    const url = `postgres://postgres:${password}@127.0.0.1:${ports.postgres}/postgres`
    return { postgres: { host: '127.0.0.1', port: ports.postgres, user: 'postgres', password, url, binDir } }
  },
  /** Tests make what they need; what they leave is no part of the next lab. */
  clean({ places }) {
    rmSync(join(places.state, 'postgres'), { recursive: true, force: true })
    return Promise.resolve()
  },
}
