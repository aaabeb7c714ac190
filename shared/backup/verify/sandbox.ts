import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ToolError } from '../../outcome/errors.ts'
import { lastLine } from '../dump/child.ts'
import type { BackupPorts } from '../ports.ts'
import { sandboxScript } from './sandbox-script.ts'

/**
 * How a program is kept away from this machine. `root`: we are root, and the program gets a user of its own.
 * `user-namespace`: this user may make one. `sudo`: as `root`, by way of sudo without a password.
 */
export type SandboxKind = 'root' | 'user-namespace' | 'sudo'

/** Starts programs that see nothing of this machine but its programs, `/data` and `/socket`. */
export interface Sandbox {
  kind: SandboxKind
  /**
   * @param folder made by `makeFolder`; what the program writes to `/data` and `/socket` is there
   * @param command the program and its arguments
   * @returns what to start in its place; the program gets its standard streams, and an empty environment
   */
  wrap(folder: string, command: string[]): [string, string[]]
}

/** The parts of a sandbox's folder: where its root is mounted, and the two that the program may write to. */
const parts = ['root', 'data', 'socket']

/** For a program that prints its version. */
const probeWithinMs = 20_000

/**
 * Processes of a sandbox get a user that owns nothing: one of those that systemd gives to services for their lifetime
 * (systemd, UIDS-GIDS: 61184 to 65519). Two sandboxes at one time nearly always differ.
 */
const [firstUser, users] = [61_184, 65_519 - 61_184]

/** Makes the folder of a sandbox below `parent`; only this user may enter it, and remove what others leave in its parts. */
export async function makeFolder(parent: string, name: string): Promise<string> {
  const folder = await mkdtemp(join(parent, name))
  for (const part of parts) {
    await mkdir(join(folder, part))
    // Not by mkdir, of which the umask takes something away.
    await chmod(join(folder, part), 0o777)
  }
  return folder
}

/**
 * Finds a way to make a sandbox in which a program of this machine runs, by running it in one.
 * @param program by its absolute path; it is run with `--version`
 * @throws ToolError (`sandbox-unavailable`) that says what was tried, and what came of it
 */
export async function findSandbox(ports: BackupPorts, program: string): Promise<Sandbox> {
  const tried: string[] = []
  for (const kind of kindsFor(process.platform, process.getuid?.())) {
    const sandbox = createSandbox(kind, program)
    const failure = await probe(ports, sandbox, program)
    if (failure === undefined) return sandbox
    tried.push(`${kind}: ${failure}`)
  }
  const found = tried.length === 0 ? `${process.platform} has no namespaces` : tried.join('; ')
  throw sandboxUnavailable(`this machine lets no sandbox be made (${found})`)
}

/** @param why it cannot be had */
function sandboxUnavailable(why: string): ToolError {
  return new ToolError(`The backup was not restored to verify it: ${why}`, {
    tool: 'sandbox',
    reason: 'sandbox-unavailable',
    hint: 'A dump runs code of the database that it was taken from. Give this machine a Docker engine, sudo without a password, or user namespaces; or name a server that holds nothing else with verify-url.',
  })
}

/** The kinds that are tried, in that order. */
export function kindsFor(platform: string, uid: number | undefined): SandboxKind[] {
  if (platform !== 'linux') return []
  return uid === 0 ? ['root'] : ['user-namespace', 'sudo']
}

/** @param program whose installation is to be seen in the sandbox */
export function createSandbox(kind: SandboxKind, program: string): Sandbox {
  const [unprivileged, elevated] = [kind === 'user-namespace', kind === 'sudo']
  const user = unprivileged ? '' : String(firstUser + Math.floor(Math.random() * users))
  const start = [
    ...(elevated ? ['sudo', '--non-interactive', '--'] : []),
    ...['unshare', ...(unprivileged ? ['--user', '--map-root-user'] : [])],
    ...['--mount', '--pid', '--net', '--ipc', '--uts', '--fork', '--kill-child'],
    ...['sh', '-c', sandboxScript, 'sh'],
  ]
  const [first = '', ...rest] = start
  return {
    kind,
    wrap: (folder, command) => [first, [...rest, folder, user, installation(program), ...command]],
  }
}

/** The folder of a program that is in none of those that every sandbox shows; else empty. */
function installation(program: string): string {
  return /^\/(usr|bin|nix)\//.test(program) ? '' : dirname(dirname(program))
}

/** @returns why it does not work; undefined when it does */
async function probe(ports: BackupPorts, sandbox: Sandbox, program: string): Promise<string | undefined> {
  const { exec, env, signal } = ports
  const folder = await makeFolder(env['TMPDIR'] ?? tmpdir(), 'runbook-verify-probe-')
  try {
    const [file, args] = sandbox.wrap(folder, [program, '--version'])
    const ran = await exec.run(file, args, { env: { PATH: env['PATH'] }, signal, timeoutMs: probeWithinMs })
    return ran.code === 0 ? undefined : lastLine(ran.stderr) || `exit code ${ran.code}`
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof ToolError) return error.message
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
