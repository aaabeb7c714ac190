import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { DeadlineError, ToolError } from '../../outcome/errors.ts'
import { daemonRuns, ensureDaemon, pm2Home, startMs, type Home } from './daemon.ts'
import { readIfThere, writeWhole } from './source/files.ts'
import type { Context } from './places.ts'

/** An app as pm2 has it. */
export interface App {
  name: string
  pid: number
  /** CPU in percent of one core, memory in bytes. */
  monit?: { cpu: number; memory: number }
  pm2_env: {
    [key: string]: unknown
    status: string
    /** Milliseconds since 1970. */
    pm_uptime: number
    unstable_restarts: number
    restart_time?: number
    exit_code?: number
    pm_cwd?: string
    pm_exec_path?: string
    exec_interpreter?: string
    args?: string[]
    /** What it was last started or reloaded with. */
    env?: Record<string, string>
  }
}

/** A start or a reload of a heavy service under pm2 takes seconds; one that hangs has to end at some time. */
const changeMs = 120_000
/** A look takes a good part of a second; it has to end before its caller gives up, and can say why. */
const lookMs = 15_000

/** Where pm2 is looked for, and what else of the machine it needs. */
export interface Pm2Place {
  root: string
  /** The source inside the repository; empty for the whole of it. */
  source: string
  env: Record<string, string | undefined>
}

/** The user's own pm2: the project's, else the one on PATH. It is AGPL, and no part of this suite. */
function findPm2({ root, source, env }: Pm2Place): string | undefined {
  const beside = [root, join(root, source)].map(folder => join(folder, 'node_modules/.bin'))
  const path = (env['PATH'] ?? '').split(delimiter).filter(Boolean)
  return [...beside, ...path].map(folder => join(folder, 'pm2')).find(file => existsSync(file))
}

/**
 * Which pm2 the target uses, by its package: `pm2 --version` would start its daemon.
 * @returns empty when there is none
 */
export function pm2Version(place: Pm2Place): string {
  const found = findPm2(place)
  return found === undefined ? '' : (packagedVersion(found) ?? 'of an unknown version')
}

function packagedVersion(file: string): string | undefined {
  try {
    const said = JSON.parse(readFileSync(join(realpathSync(file), '../../package.json'), 'utf8')) as {
      name?: string
      version?: string
    }
    return said.name === 'pm2' ? said.version : undefined
  } catch {
    return undefined
  }
}

/** The app's first process, or undefined when pm2 does not know it. */
export async function readApp(context: Context): Promise<App | undefined> {
  const [first] = await readInstances(context)
  return first
}

/** The app's processes, of which there are several in cluster mode. Where no daemon runs there is none, and none is started to look. */
export async function readInstances(context: Context): Promise<App[]> {
  requirePm2(context)
  if (!(await daemonRuns(homeOf(context)))) return []
  const text = await pm2(context, ['jlist'], lookMs)
  // The first command of a day also says that it starts its daemon.
  const line = text.split('\n').findLast(each => /^\[(\{|\]$)/.test(each.trim()))
  return (JSON.parse(line ?? '[]') as App[]).filter(({ name }) => name === context.spec.app)
}

/**
 * Starts the app, or reloads it with what it now is. A reload keeps variables that the app is no longer given: then it
 * is deleted first, so that it has exactly those that it should have.
 */
export async function startOrReload(context: Context, app: Record<string, unknown>): Promise<void> {
  const { places, spec } = context
  writeWhole(places.ecosystem, ecosystemText(context, app))
  await ensureDaemon(homeOf(context), () => pm2(context, ['ping'], startMs))
  const there = await readApp(context)
  const given = Object.keys(app['env'] ?? {})
  const lingering = Object.keys(there?.pm2_env.env ?? {}).some(key => !given.includes(key))
  const elsewhere = there !== undefined && there.pm2_env.pm_cwd !== app['cwd']
  if (lingering || elsewhere) await pm2(context, ['delete', spec.app], changeMs)
  await pm2(context, ['startOrReload', places.ecosystem, '--update-env'], changeMs)
}

/**
 * Whether the app already runs as it would be started: then a restore has nothing to do, and no process is ended for it.
 * What pm2 was last told is in the ecosystem file; where that says something else, a start that was cut off may still come.
 */
export async function runsAs(context: Context, app: Record<string, unknown>): Promise<boolean> {
  const instances = await readInstances(context)
  if (instances.length === 0 || instances.some(({ pm2_env: { status } }) => status !== 'online')) return false
  const told = readIfThere(context.places.ecosystem)
  const { RUNBOOK_RELEASE: wanted, ...variables } = (app['env'] ?? {}) as Record<string, string>
  if (told === undefined ? wanted !== undefined : told !== ecosystemText(context, app)) return false
  return instances.every(
    ({ pm2_env: { env = {} } }) =>
      env['RUNBOOK_RELEASE'] === wanted &&
      Object.entries(variables).every(([name, value]) => env[name] === value),
  )
}

function ecosystemText({ spec }: Context, app: Record<string, unknown>): string {
  return JSON.stringify({ apps: [{ ...app, name: spec.app }] }, undefined, 2)
}

/** Ends the app and takes it off pm2's list, so that nothing starts it again. @returns whether it was there */
export async function endApp(context: Context): Promise<boolean> {
  if (!(await readApp(context))) return false
  await pm2(context, ['delete', context.spec.app], changeMs)
  return true
}

function requirePm2({ environment, spec, adapters }: Context): string {
  const found = findPm2({ root: environment.root, source: spec.source ?? '', env: adapters.env })
  if (found !== undefined) return found
  throw new ToolError('pm2 is not here, and this environment runs under it', {
    tool: 'pm2',
    reason: 'tool-failed',
    hint: 'Install it: npm install --save-dev pm2 in the project, or npm install --global pm2.',
  })
}

function homeOf({ adapters: { env, clock, signal } }: Context): Home {
  return { folder: pm2Home(env), clock, signal }
}

/** It is given nothing of this process's environment but what it needs: pm2 hands on to the app whatever it has. */
async function pm2(context: Context, args: string[], timeoutMs: number): Promise<string> {
  const { env, exec, signal, secrets } = context.adapters
  const what = `pm2 ${args[0] ?? ''}`
  const options = {
    env: { PATH: env['PATH'], HOME: env['HOME'], PM2_HOME: env['PM2_HOME'] },
    cwd: context.environment.root,
    signal,
    timeoutMs,
  }
  const { code, stdout, stderr } = await exec
    .run(requirePm2(context), args, options)
    .catch((error: unknown) => {
      throw error instanceof DeadlineError ? hangs(what, timeoutMs, pm2Home(env), error) : error
    })
  if (code === 0) return stdout
  throw new ToolError(`${what} ended with code ${code}`, {
    tool: 'pm2',
    reason: 'tool-failed',
    code,
    stderr: secrets.redact((stderr.trim() || stdout.trim()).split('\n').slice(-15).join('\n')),
    hint: 'Look at pm2 list and pm2 logs, then try again.',
  })
}

function hangs(what: string, timeoutMs: number, home: string, cause: unknown): ToolError {
  return new ToolError(`${what} did not end within ${timeoutMs / 1_000} s: pm2's daemon does not answer`, {
    tool: 'pm2',
    reason: 'tool-failed',
    hint: `See how many daemons of ${home} run (ps ax | grep "God Daemon") and end each whose number is not in ${join(home, 'pm2.pid')}; if pm2 ping still hangs, run pm2 kill, then this again.`,
    cause,
  })
}
