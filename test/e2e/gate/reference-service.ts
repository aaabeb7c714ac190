import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openLab } from '../../lab/lab.ts'
import { createDatabase, dropDatabase } from '../../lab/tenancy.ts'

/** The reference service of deployment/app, running on the lab's PostgreSQL and Redis. */
export interface ReferenceService {
  url: string
  stop(): Promise<void>
}

/** On a busy machine; it takes half a second on an idle one. */
const startMs = 15_000
const app = join(import.meta.dirname, '../../../deployment/app')

/**
 * Starts it on a free port with a database of its own, and waits until it has started.
 * @param faults its FAULT_* settings
 */
export async function startReferenceService(
  name: string,
  faults: Record<string, string> = {},
): Promise<ReferenceService> {
  const lab = openLab()
  const database = `e2e_${name}_${process.pid}`
  const env = {
    PATH: process.env['PATH'],
    PORT: '0',
    DATABASE_URL: await createDatabase(lab, database),
    REDIS_URL: `redis://${lab.redis.host}:${lab.redis.port}`,
    REDIS_PASSWORD: lab.redis.password,
    ...faults,
  }
  const child = spawn('node', ['src/main.js'], { cwd: app, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
    await dropDatabase(lab, database)
  }
  const late = setTimeout(() => child.kill('SIGKILL'), startMs)
  const said: string[] = []
  let port = 0
  for await (const line of createInterface(child.stdout)) {
    said.push(line)
    const entry = JSON.parse(line) as { msg: string; port?: number }
    port = entry.port ?? port
    if (entry.msg !== 'started') continue
    clearTimeout(late)
    child.stdout.resume()
    return { url: `http://127.0.0.1:${port}`, stop }
  }
  clearTimeout(late)
  await stop()
  throw new Error(
    `the reference service did not start (npm ci in deployment/app, perhaps?):\n${said.join('\n')}`,
  )
}
