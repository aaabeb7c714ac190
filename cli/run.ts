import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { command } from './main.ts'

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
  version: string
}
await command(version)
