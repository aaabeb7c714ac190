import { createServer, type AddressInfo } from 'node:net'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startContainerServer } from '../../../shared/backup/verify/container-server.ts'
import { findPrograms } from '../../../shared/backup/dump/find-programs.ts'
import { startLocalServer } from '../../../shared/backup/verify/local-server.ts'
import type { BackupPorts } from '../../../shared/backup/ports.ts'
import {
  createSandbox,
  findSandbox,
  kindsFor,
  type SandboxKind,
} from '../../../shared/backup/verify/sandbox.ts'
import type { ServerPrograms, TemporaryServer } from '../../../shared/backup/verify/temporary-server.ts'
import { systemExec, type Exec } from '../../../shared/host/exec.ts'
import { connect } from '../../../shared/integrations/database/postgres.ts'
import { realPorts } from '../gate/ports.ts'
import { makePostgresImage, removeImage } from './postgres-image.ts'
import { openScene, type Scene } from './scene.ts'

/*
 * What a superuser of the temporary server, who may run any program there, reaches of this machine. No dump gets so far;
 * the sandbox is what is left when it does.
 */

const canary = 'canary-7f3a-of-this-machine'
let scene: Scene
let ports: BackupPorts
let programs: ServerPrograms
let folder: string
/** Something of this machine that listens. */
const listener = createServer(socket => socket.end(canary))
let port: number
beforeAll(async () => {
  scene = await openScene()
  folder = mkdtempSync(join(tmpdir(), 'canary-'))
  writeFileSync(join(folder, 'token'), canary)
  chmodSync(folder, 0o755)
  process.env['SANDBOX_TEST_CANARY'] = canary
  // As the sudo of a hosted runner: without a password. It is run by root here, and starts what it is given.
  writeFileSync(join(folder, 'sudo'), '#!/bin/sh\nshift 2\nexec "$@"\n', { mode: 0o755 })
  const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, TMPDIR: scene.folder, TOKEN: canary }
  ports = realPorts({ env })
  const found = await findPrograms(ports, 15, '')
  if (!found.server) throw new Error('the lab has the programs of a server')
  programs = found.server
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  port = (listener.address() as AddressInfo).port
})
afterAll(async () => {
  delete process.env['SANDBOX_TEST_CANARY']
  listener.close()
  rmSync(folder, { recursive: true })
  await scene.close()
})

/** Runs a line of a shell on the temporary server, as its superuser may. @returns what it printed, errors too */
async function runThere({ server }: TemporaryServer, line: string): Promise<string> {
  const session = await connect(server, { signal: ports.signal })
  try {
    await session.rows('CREATE TEMPORARY TABLE printed (line text)')
    const program = `{ ${line}; } 2>&1; true`.replaceAll("'", "''")
    await session.rows(
      `COPY printed FROM PROGRAM '${program}' (DELIMITER E'\\x01', ESCAPE E'\\x02', QUOTE E'\\x03', FORMAT csv)`,
    )
    const rows = await session.rows<{ line: string }>('SELECT line FROM printed')
    return rows.map(row => row.line).join('\n')
  } finally {
    await session.close()
  }
}

const kinds: SandboxKind[] =
  process.getuid?.() === 0 ? ['root', 'user-namespace', 'sudo'] : kindsFor('linux', 1)

test.each(kinds)(
  'a program in a sandbox (%s) sees nothing of this machine',
  async kind => {
    const place = createSandbox(kind, programs.postgres)
    const temporary = await startLocalServer(ports, programs, place, { size: 0, superuser: 'ada' })
    try {
      const there = (line: string) => runThere(temporary, line)
      expect(await there('id -u')).not.toBe('0')
      expect(await there('cat /proc/[0-9]*/environ | tr "\\0" "\\n"; env')).not.toContain(canary)
      expect(await there(`cat ${folder}/token`)).toContain('No such file')
      expect(await there('ls -d /root /home /var/run /run /etc/ssl /work; echo done')).toMatch(
        /^(ls: .*\n)+done$/,
      )
      expect(await there('ls /old')).toContain('Permission denied')
      expect(await there(`bash -c "exec 3<>/dev/tcp/127.0.0.1/${port}; cat <&3"`)).toMatch(
        /unreachable|refused/,
      )
      expect(await there(`kill -0 ${process.pid}`)).toMatch(/No such process/i)
      expect(await there('mount -t tmpfs tmpfs /tmp')).not.toBe('')
      expect(await there('umount -n /old')).not.toBe('')
      expect(await there('touch /usr/bin/planted')).toContain('Read-only')
      expect(await there('unshare --user --map-root-user --mount umount -n /old')).not.toBe('')
      expect(await there('ulimit -v; ulimit -f; ulimit -c')).toBe('4194304\n4194304\n0')
      expect(
        await there('cat /proc/1/status 2>/dev/null | grep -E "^Cap(Eff|Prm)" | grep -v 0000000000000000'),
      ).toBe('')
    } finally {
      await temporary.stop()
    }
  },
  60_000,
)

test('a program in the container of a server sees nothing of this machine', async () => {
  const image = `${scene.database}/sandbox:15`
  makePostgresImage(image, scene.lab.postgres.binDir, ['sh', 'rm', 'cat', 'env', 'ls', 'id', 'tr', 'grep'])
  try {
    const temporary = await startContainerServer(ports, image, { size: 0, superuser: 'ada' })
    try {
      const there = (line: string) => runThere(temporary, line)
      expect(await there('id -u')).toBe('999')
      expect(await there('cat /proc/[0-9]*/environ | tr "\\0" "\\n"; env')).not.toContain(canary)
      expect(await there(`cat ${folder}/token`)).toContain('No such file')
      expect(await there('ls /var/run/docker.sock')).toContain('No such file')
      expect(await there('ls /sys/class/net')).toBe('lo')
      expect(await there('grep -E "^Cap(Eff|Bnd)" /proc/1/status')).toMatch(/^CapEff:\s+0+\nCapBnd:\s+0+$/)
    } finally {
      await temporary.stop()
    }
  } finally {
    removeImage(image)
  }
})

test('where no sandbox can be made, nothing is dumped or restored, and the step says so', async () => {
  const exec: Exec = {
    ...systemExec,
    run: (file, args, options) =>
      file === 'unshare' || file === 'sudo'
        ? Promise.resolve({ code: 1, stdout: '', stderr: 'unshare: unshare failed: Operation not permitted' })
        : systemExec.run(file, args, options),
  }
  const env = { PATH: '/usr/bin:/bin', TMPDIR: scene.folder, DOCKER_HOST: 'tcp://127.0.0.1:1' }
  const outcome = await scene.backUp({}, { exec, env })
  expect(outcome).toMatchObject({ status: 'failure', reason: 'sandbox-unavailable', outputs: {} })
  expect(outcome.summary).toContain('Operation not permitted')
  expect(outcome.next).toContain('verify-url')
  await expect(findSandbox({ ...ports, exec }, programs.postgres)).rejects.toThrow('no sandbox')
})
