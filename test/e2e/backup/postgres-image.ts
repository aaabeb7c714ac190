import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/**
 * Makes an image of the programs of this machine with what they need, as an image of `postgres` lays them out.
 * @param binDir where PostgreSQL's programs are
 * @param applets of busybox that it is to have
 */
export function makePostgresImage(name: string, binDir: string, applets: string[]): void {
  const root = mkdtempSync(join(tmpdir(), 'postgres-image-'))
  const programs = ['initdb', 'postgres', 'pg_dump', 'pg_restore'].map(each => join(binDir, each))
  const libraries = execFileSync('ldd', programs, { encoding: 'utf8' }).match(/\/\S+\.so[.\d]*/g) ?? []
  const share = '/usr/share/postgresql/15'
  const needed = [...programs, ...new Set(libraries), join(dirname(binDir), 'lib'), share, '/bin/busybox']
  for (const path of [...needed, '/usr/share/zoneinfo/Etc', '/usr/share/zoneinfo/UTC']) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    execFileSync('cp', ['-rL', path, join(root, path)])
  }
  for (const applet of applets) symlinkSync('busybox', join(root, 'bin', applet))
  for (const folder of ['etc', 'tmp']) mkdirSync(join(root, folder), { recursive: true })
  execFileSync('chmod', ['1777', join(root, 'tmp')])
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\npostgres:x:999:999::/tmp:/bin/sh\n')
  const archive = `${root}.tar`
  execFileSync('tar', ['--numeric-owner', '--owner=0', '--group=0', '-cf', archive, '-C', root, '.'])
  execFileSync('docker', ['import', '--change', `ENV PATH=${binDir}:/bin`, archive, name])
  rmSync(root, { recursive: true })
  rmSync(archive)
}

export function removeImage(name: string): void {
  execFileSync('docker', ['rmi', '--force', name])
}
