import { basename, dirname, join } from 'node:path'
import { InputError } from '../../outcome/errors.ts'
import { pm2Home } from './daemon.ts'
import type { Context } from './places.ts'
import type { App } from './pm2.ts'

/** How an app that was there before this suite is started again: what pm2 takes in an ecosystem file. */
export interface Adoption {
  options: Record<string, unknown>
  /** What of it no ecosystem file can say, one line each; then the app cannot be restored as it is. */
  lost: string[]
}

/** Settings that pm2 has under the same name in an ecosystem file. */
const settings = [
  'namespace',
  'args',
  'node_args',
  'max_memory_restart',
  'cron_restart',
  'watch',
  'ignore_watch',
  'watch_delay',
  'watch_options',
  'autostart',
  'autorestart',
  'max_restarts',
  'min_uptime',
  'restart_delay',
  'exp_backoff_restart_delay',
  'stop_exit_codes',
  'kill_timeout',
  'kill_retry_time',
  'wait_ready',
  'listen_timeout',
  'shutdown_with_message',
  'treekill',
  'merge_logs',
  'log_date_format',
  'log_type',
  'time',
  'disable_logs',
  'uid',
  'gid',
  'instance_var',
  'increment_var',
  'filter_env',
  'vizion',
  'pmx',
  'automation',
  'trace',
  'source_map_support',
  'disable_source_map_support',
  'windowsHide',
  'force',
  'append_env_to_name',
  'post_update',
]

/** What pm2 notes of a run, and what it derives from the settings. */
const derived = new Set([
  'name',
  'cwd',
  'env',
  'script',
  'interpreter',
  'interpreter_args',
  'exec_interpreter',
  'exec_mode',
  'instances',
  'pm_exec_path',
  'pm_cwd',
  'pm_out_log_path',
  'pm_err_log_path',
  'pm_log_path',
  'pm_pid_path',
  'out_file',
  'error_file',
  'log_file',
  'pid_file',
  'pm_id',
  'pm_uptime',
  'status',
  'created_at',
  'restart_time',
  'unstable_restarts',
  'exit_code',
  'prev_restart_delay',
  'km_link',
  'vizion_running',
  'versioning',
  'version',
  'node_version',
  'username',
  'unique_id',
  'command',
  'backoff_timeout',
])

/** Variables by which pm2 talks to itself. */
const internal = new Set([
  'PM2_USAGE',
  'PM2_JSON_PROCESSING',
  'PM2_INTERACTOR_PROCESSING',
  'PM2_PROGRAMMATIC',
  'unique_id',
])

/**
 * What a running app has to be started with so that it is as it was.
 * @param instances all of its processes, as `pm2 jlist` has them; at least one
 * @param env of this process, for pm2's own folder
 */
export function adoptionOf(instances: App[], env: Record<string, string | undefined>): Adoption {
  const [{ name, pm2_env: first } = noInstance()] = instances
  const carried = Object.fromEntries(
    [...settings, ...Object.keys(first).filter(key => key.startsWith('env_'))]
      .filter(key => first[key] !== undefined && first[key] !== null)
      .map(key => [key, first[key]]),
  )
  const own = [name, first['instance_var'], first['increment_var']].map(String)
  const variables = Object.entries(first.env ?? {}).filter(
    ([key]) => !internal.has(key) && !own.includes(key),
  )
  return {
    options: {
      ...carried,
      cwd: first.pm_cwd,
      script: first.pm_exec_path,
      interpreter: first.exec_interpreter,
      exec_mode: first['exec_mode'] === 'cluster_mode' ? 'cluster' : 'fork',
      instances: instances.length,
      env: Object.fromEntries(variables),
      ...filesOf(first, pm2Home(env)),
    },
    lost: [...unknownSettings(first), ...different(instances)],
  }
}

function noInstance(): never {
  throw new Error('an app without processes cannot be adopted')
}

/** Log and pid files that were named; those that pm2 named itself, it names again. */
function filesOf(app: App['pm2_env'], home: string): Record<string, string> {
  const files = [
    ['out_file', app['pm_out_log_path'], join(home, 'logs')],
    ['error_file', app['pm_err_log_path'], join(home, 'logs')],
    ['log_file', app['pm_log_path'], join(home, 'logs')],
    ['pid_file', app['pm_pid_path'], join(home, 'pids')],
  ] as const
  const named = files.flatMap(([key, file, usual]): [string, string][] =>
    typeof file === 'string' && file !== '' && dirname(file) !== usual
      ? [[key, withoutInstance(file, app)]]
      : [],
  )
  return Object.fromEntries(named)
}

/** pm2 puts the number of an instance into the names of its files, unless their logs are merged. */
function withoutInstance(file: string, app: App['pm2_env']): string {
  if (app['merge_logs'] === true && !file.endsWith('.pid')) return file
  const name = basename(file).replace(new RegExp(`-${String(app['pm_id'])}(\\.[^.]*)?$`), '$1')
  return join(dirname(file), name)
}

/** All that pm2 notes of an app and that is neither a setting, nor derived, nor a variable, nor of its metrics. */
function unknownSettings(app: App['pm2_env']): string[] {
  const variables = app.env ?? {}
  return Object.entries(app)
    .filter(
      ([key, value]) =>
        !settings.includes(key) &&
        !derived.has(key) &&
        !(key in variables) &&
        !/^(axm_|env_|_pm2|NODE_APP_INSTANCE$)/.test(key) &&
        key !== app['instance_var'] &&
        value !== undefined &&
        value !== null &&
        value !== false &&
        value !== '',
    )
    .map(([key]) => `the setting ${key}`)
}

/** Apps that share a name and nothing else. */
function different(instances: App[]): string[] {
  const kinds = ['pm_exec_path', 'pm_cwd', 'exec_mode', 'namespace'] as const
  return kinds
    .filter(key => new Set(instances.map(({ pm2_env: app }) => String(app[key]))).size > 1)
    .map(key => `processes of one name with different ${key}`)
}

/** What pm2 gives an app that says nothing. */
const usual: Record<string, unknown> = {
  exec_mode: 'fork',
  instances: 1,
  interpreter: 'node',
  namespace: 'default',
  autorestart: true,
}
const shownSettings = [
  'exec_mode',
  'instances',
  'interpreter',
  'namespace',
  'autorestart',
  'args',
  'node_args',
  'max_memory_restart',
  'cron_restart',
  'watch',
  'max_restarts',
  'min_uptime',
  'restart_delay',
  'exp_backoff_restart_delay',
  'stop_exit_codes',
  'kill_timeout',
  'wait_ready',
  'listen_timeout',
  'shutdown_with_message',
  'uid',
  'gid',
]

/** Settings of an adopted app that a release does not take over, for the plan; arguments without their text. */
export function settingsLeftOut({ options }: Adoption): string[] {
  return shownSettings
    .filter(key => {
      const value = options[key]
      const empty = value === undefined || value === null || value === false || value === ''
      if (key === 'autorestart') return value === false
      return !(empty || value === usual[key] || (Array.isArray(value) && value.length === 0))
    })
    .map(key => (key.endsWith('args') ? key : `${key} ${JSON.stringify(options[key])}`))
}

/**
 * How the app that was there before this suite is started again; undefined where there is none that serves.
 * @throws InputError with all of it that could not be restored
 */
export function requireAdoptable({ spec, adapters }: Context, instances: App[]): Adoption | undefined {
  const serves = instances.some(({ pm2_env: { status } }) => !['stopped', 'errored'].includes(status))
  if (!serves || instances.some(({ pm2_env: { env } }) => env?.['RUNBOOK_RELEASE'] !== undefined))
    return undefined
  const adoption = adoptionOf(instances, adapters.env)
  if (adoption.lost.length === 0) return adoption
  throw new InputError(
    `app ${spec.app} of pm2 cannot be restored as it is once a release has taken its place: ${adoption.lost.join(', ')}`,
    {
      hint: `Start it without (pm2 delete ${spec.app}, then pm2 start), or give the release another name in target.app.`,
    },
  )
}
