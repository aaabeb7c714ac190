import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { ToolError } from '../../outcome/errors.ts'
import { lastLine, watchExit } from '../dump/child.ts'
import { createExitGuard } from '../storage/exit-guard.ts'
import type { BackupPorts } from '../ports.ts'
import type { Sealing } from './seal.ts'

/**
 * The guide's: AES-256 from a passphrase, with GnuPG. Its own count of 65536 would let some ten thousand passphrases a
 * second be tried; 65011712 is the largest that the format has, a thousand times as slow.
 */
const symmetric = [
  '--symmetric',
  '--cipher-algo=AES256',
  '--s2k-mode=3',
  '--s2k-digest-algo=SHA512',
  '--s2k-count=65011712',
  '--compress-algo=none',
]

type GpgPorts = Pick<BackupPorts, 'exec' | 'env' | 'signal'>

/** Seals with a passphrase, by the GnuPG of this machine; the same opens it. */
export function sealWithPassphrase(ports: GpgPorts, passphrase: string): Sealing {
  return {
    extension: '.dump.zst.gpg',
    encryption: { how: 'gpg', cipher: 'AES256' },
    opened: 'key',
    seal: source => runGpg(ports, symmetric, passphrase, source),
    open: source => runGpg(ports, ['--decrypt'], passphrase, source),
  }
}

/**
 * Sends a stream through gpg. In a folder of its own, so that neither the user's settings nor an agent that remembers
 * passphrases has a say. The passphrase is the first line of its input: it never is an argument.
 * @throws ToolError when gpg fails
 */
async function* runGpg(
  { exec, env, signal }: GpgPorts,
  args: string[],
  passphrase: string,
  source: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const home = await mkdtemp(join(tmpdir(), 'runbook-gpg-'))
  const gpgEnv = { ...env, GNUPGHOME: home, LC_ALL: 'C' }
  try {
    const child = exec.start(
      'gpg',
      [
        '--batch',
        '--quiet',
        '--no-tty',
        '--no-options',
        '--pinentry-mode=loopback',
        '--passphrase-fd=0',
        ...args,
      ],
      { env: gpgEnv, signal },
    )
    const exit = watchExit(child)
    let broken: Error | undefined
    const input = Readable.from(afterLine(passphrase, source), { objectMode: false, highWaterMark: 2 ** 20 })
    pipeline(input, child.stdin, error => {
      // What breaks off must not look like an end to gpg, which would seal half a dump as a whole one.
      if (!error) return
      if (error.code !== 'EPIPE') broken = error
      child.kill()
    })
    const finished = exit.then(({ code, stderr }) => {
      if (broken) throw broken
      if (code === 0) return
      signal.throwIfAborted()
      throw gpgError(code, stderr)
    })
    // The reader of the guard gets the failure; here it only must not count as unhandled.
    finished.catch(() => undefined)
    const guard = createExitGuard(finished)
    pipeline(child.stdout, guard, error => {
      if (error) child.kill()
    })
    yield* guard as AsyncIterable<Buffer>
  } finally {
    // It starts an agent even to be told the passphrase.
    await exec.run('gpgconf', ['--kill', 'gpg-agent'], { env: gpgEnv }).catch(() => undefined)
    await rm(home, { recursive: true, force: true })
  }
}

async function* afterLine(line: string, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield Buffer.from(`${line}\n`)
  yield* source
}

function gpgError(code: number, stderr: string): ToolError {
  const hint =
    code === 127
      ? 'Install gnupg, or encrypt to age recipients with encrypt-to, which needs no program.'
      : /Bad session key|decryption failed/.test(stderr)
        ? 'Check the passphrase: it is not the one that this was encrypted with, or the object is damaged.'
        : 'Look at what gpg said.'
  return new ToolError(`gpg ended with exit code ${code}: ${lastLine(stderr)}`, {
    tool: 'gpg',
    code,
    stderr,
    hint,
  })
}
