import { execFileSync } from 'node:child_process'
import { chmod, mkdtemp, readdir, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { findPrograms } from '../../../shared/backup/dump/find-programs.ts'
import { findSandbox } from '../../../shared/backup/verify/sandbox.ts'
import { startTemporaryServer } from '../../../shared/backup/verify/start-temporary-server.ts'
import { systemExec, type Exec } from '../../../shared/host/exec.ts'
import { realPorts } from '../gate/ports.ts'
import { noise, openScene, type Scene } from './scene.ts'

let scene: Scene
beforeAll(async () => {
  scene = await openScene()
})
afterAll(() => scene.close())

/** Files under a folder. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter(entry => entry.isFile()).map(({ name }) => name)
}

test('a server that goes down while it is dumped leaves no backup, and is said to be the reason', async () => {
  const ports = realPorts({ env: { PATH: process.env['PATH'], TMPDIR: scene.folder } })
  const programs = await findPrograms(ports, 15, '')
  if (!programs.server) throw new Error('the lab has the programs of a server')
  const sandbox = await findSandbox(ports, programs.server.postgres)
  const place = { kind: 'sandbox', sandbox, programs: programs.server } as const
  const temporary = await startTemporaryServer(ports, place, { size: 0, superuser: 'ada' })
  const { server } = temporary
  try {
    const { host, password } = server
    const client = new pg.Client({ host, password, user: 'ada', database: 'postgres' })
    await client.connect()
    await client.query(noise(3_000))
    await client.end()
    const processes = serverProcesses(dirname(host))
    const exec: Exec = {
      ...systemExec,
      start(file, args, options) {
        const child = systemExec.start(file, args, options)
        let seen = 0
        child.stdout.on('data', (chunk: Buffer) => {
          const before = seen
          seen += chunk.length
          // As the kernel does when memory runs out: every process of it at once.
          if (before < 2 ** 22 && seen >= 2 ** 22) for (const pid of processes()) process.kill(pid, 'SIGKILL')
        })
        return child
      },
    }
    const url = `postgresql://ada:${password}@/postgres?host=${encodeURIComponent(server.host)}`
    const outcome = await scene.backUp({ 'database-url': url }, { exec })
    expect(outcome).toMatchObject({ status: 'failure', reason: 'backup-failed', outputs: {} })
    expect(outcome.summary).toContain('server closed the connection unexpectedly')
    expect(outcome.next).toContain('log of the database server')
    expect(await filesIn(join(scene.folder, 'store'))).toEqual([])
  } finally {
    await temporary.stop()
  }
})

test('a disk that is full leaves nothing of the backup, and is said to be full', async () => {
  await scene.sql(noise(3_000))
  // Where the user that PostgreSQL runs as gets in, too.
  const small = await mkdtemp(join(tmpdir(), 'small-'))
  await chmod(small, 0o755)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', small])
  try {
    const outcome = await scene.backUp({ destination: `file://${small}/store` })
    expect(outcome).toMatchObject({ status: 'failure', reason: 'backup-failed', outputs: {} })
    expect(outcome.summary).toContain('ENOSPC')
    expect(outcome.next).toContain('Free space')
    expect(await filesIn(small)).toEqual([])

    // The temporary server's disk: found out before anything is started there.
    const env = { PATH: process.env['PATH'], TMPDIR: small }
    const unproved = await scene.backUp({}, { env })
    expect(unproved).toMatchObject({ status: 'failure', outputs: {} })
    expect(unproved.summary).toContain('free; restoring the backup to verify it takes')
    expect(unproved.next).toContain('TMPDIR')
    expect(await filesIn(scene.folder)).toEqual([])
  } finally {
    execFileSync('umount', [small])
    await rmdir(small)
  }
})

/** Finds the processes of the server in a sandbox: they descend from the one that has its folder among its arguments. */
function serverProcesses(folder: string): () => number[] {
  const list = () =>
    execFileSync('ps', ['-ww', '-eo', 'pid=,ppid=,comm=,args='], { encoding: 'utf8', maxBuffer: 2 ** 26 })
      .split('\n')
      .flatMap(line => {
        const [, pid, parent, name, args] = /^ *(\d+) +(\d+) (\S+) +(.*)$/.exec(line) ?? []
        return name === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), name, args }]
      })
  const top = list().find(({ name, args }) => name === 'unshare' && args?.includes(folder))?.pid ?? NaN
  return () => {
    const all = list()
    const under = new Set([top])
    for (let size = 0; size !== under.size;) {
      size = under.size
      for (const { pid, parent } of all) if (under.has(parent)) under.add(pid)
    }
    return all.filter(({ pid, name }) => under.has(pid) && name === 'postgres').map(({ pid }) => pid)
  }
}
