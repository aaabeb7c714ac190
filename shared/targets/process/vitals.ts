import type { Vitals } from '../../release/vitals.ts'
import type { Context } from './places.ts'
import { readInstances } from './pm2.ts'

/** Each process of the app as pm2 has it; none when pm2 does not know it. pm2 cannot tell what ended it. */
export async function readVitals(context: Context): Promise<Vitals[]> {
  return (await readInstances(context)).map(({ name, pm2_env: app }, index, all) => {
    const { status, restart_time: restarts = 0, exit_code: code } = app
    const lastEnd = code === undefined ? '' : `exit code ${code}`
    const instance = `app ${name}${all.length > 1 ? ` ${index}` : ''}`
    return { instance, ready: status === 'online', restarts, lastEnd, outOfMemory: false }
  })
}
