import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A password of the lab: made once, kept in the state folder, the same at every `up`. */
export function secret(state: string, name: string): string {
  const file = join(state, 'secrets', name)
  try {
    return readFileSync(file, 'utf8')
  } catch {
    mkdirSync(join(state, 'secrets'), { recursive: true, mode: 0o700 })
    const value = randomBytes(18).toString('hex')
    writeFileSync(file, value, { mode: 0o600 })
    return value
  }
}
