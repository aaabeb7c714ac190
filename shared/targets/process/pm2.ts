import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { ToolError } from '../../outcome/errors.ts'
import { writeWhole } from './files.ts'
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
const timeoutMs = 120_000

/** The user's own pm2: the project's, else the one on PATH. It is AGPL, and no part of this suite. */
export function findPm2({ environment, spec, adapters }: Context): string {
  const beside = [environment.root, join(environment.root, spec.source ?? '')].map(folder =>
    join(folder, 'node_modules/.bin'),
  )
  const path = (adapters.env['PATH'] ?? '').split(delimiter).filter(Boolean)
  const found = [...beside, ...path].map(folder => join(folder, 'pm2')).find(file => existsSync(file))
  if (found) return found
  throw new ToolError('pm2 is not here, and this environment runs under it', {
    tool: 'pm2',
    hint: 'Install it: npm install --save-dev pm2 in the project, or npm install --global pm2.',
  })
}

/** The app, or undefined when pm2 does not know it. */
export async function readApp(context: Context): Promise<App | undefined> {
  const text = await pm2(context, ['jlist'])
  // The first command of a day also says that it starts its daemon.
  const line = text.split('\n').findLast(each => /^\[(\{|\]$)/.test(each.trim()))
  return (JSON.parse(line ?? '[]') as App[]).find(({ name }) => name === context.spec.app)
}

/**
 * Starts the app, or reloads it with what it now is. A reload keeps variables that the app is no longer given: then it
 * is deleted first, so that it has exactly those that it should have.
 */
export async function startOrReload(context: Context, app: Record<string, unknown>): Promise<void> {
  const { places, spec } = context
  writeWhole(places.ecosystem, JSON.stringify({ apps: [{ ...app, name: spec.app }] }, undefined, 2))
  const there = await readApp(context)
  const given = Object.keys(app['env'] ?? {})
  const lingering = Object.keys(there?.pm2_env.env ?? {}).some(key => !given.includes(key))
  const elsewhere = there !== undefined && there.pm2_env.pm_cwd !== app['cwd']
  if (lingering || elsewhere) await pm2(context, ['delete', spec.app])
  await pm2(context, ['startOrReload', places.ecosystem, '--update-env'])
}

/** Ends the app and takes it off pm2's list, so that nothing starts it again. @returns whether it was there */
export async function endApp(context: Context): Promise<boolean> {
  if (!(await readApp(context))) return false
  await pm2(context, ['delete', context.spec.app])
  return true
}

/** It is given nothing of this process's environment but what it needs: pm2 hands on to the app whatever it has. */
async function pm2(context: Context, args: string[]): Promise<string> {
  const { env, exec, signal, secrets } = context.adapters
  const { code, stdout, stderr } = await exec.run(findPm2(context), args, {
    env: { PATH: env['PATH'], HOME: env['HOME'], PM2_HOME: env['PM2_HOME'] },
    cwd: context.environment.root,
    signal,
    timeoutMs,
  })
  if (code === 0) return stdout
  throw new ToolError(`pm2 ${args[0] ?? ''} ended with code ${code}`, {
    tool: 'pm2',
    code,
    stderr: secrets.redact((stderr.trim() || stdout.trim()).split('\n').slice(-15).join('\n')),
    hint: 'Look at pm2 list and pm2 logs, then try again.',
  })
}
