import type { Vitals } from '../../release/vitals.ts'
import type { Context } from './places.ts'
import { readApp } from './pm2.ts'

/** The app as pm2 has it; none when pm2 does not know it. pm2 cannot tell what ended it. */
export async function readVitals(context: Context): Promise<Vitals[]> {
  const app = await readApp(context)
  if (!app) return []
  const { status, restart_time: restarts = 0, exit_code: code } = app.pm2_env
  const lastEnd = code === undefined ? '' : `exit code ${code}`
  return [{ instance: `app ${app.name}`, ready: status === 'online', restarts, lastEnd, outOfMemory: false }]
}
