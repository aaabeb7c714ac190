import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { LabError } from './lab-error.ts'
import type { Places } from './places.ts'
import { runner } from './workshop.ts'

/** Seconds that pip may take for one program: a download of about 10 MB. */
const installSeconds = 120

/**
 * The path of a program that PyPI has as a wheel; python/NAME.txt fixes its version and the hashes of its wheels. Fetched with
 * pip when the cache has none of this version.
 * @throws LabError that names what could not be fetched, with the end of pip's output
 */
export async function installWheel(name: 'zizmor', places: Places, signal: AbortSignal): Promise<string> {
  const requirements = join(places.source, 'python', `${name}.txt`)
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12)
  const folder = join(places.bin, `${name}-${hash}`)
  const program = join(folder, 'bin', name)
  if (existsSync(program)) return program
  mkdirSync(places.bin, { recursive: true })
  const half = `${folder}.${process.pid}.half`
  const pip = ['-m', 'pip', '--disable-pip-version-check', 'install', '--quiet', '--timeout', '15']
  const only = ['--no-deps', '--only-binary', ':all:', '--require-hashes', '--requirement', requirements]
  try {
    const run = runner(AbortSignal.any([signal, AbortSignal.timeout(installSeconds * 1000)]))
    await run('python3', [...pip, '--target', half, ...only])
    keep(half, folder)
  } catch (error) {
    const detail = error instanceof LabError ? `${error.message}\n${error.hint}` : String(error)
    const hint = `${detail}\nIt is fetched from PyPI by 'python3 -m pip' (Debian: python3-pip), in at most ${installSeconds} s.`
    throw new LabError(`${name} could not be fetched`, hint, { cause: error })
  } finally {
    rmSync(half, { recursive: true, force: true })
  }
  return program
}

/** Moves a finished folder to its place; another process may have put the same there meanwhile. */
function keep(half: string, folder: string): void {
  try {
    renameSync(half, folder)
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}
