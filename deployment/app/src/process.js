import { readFile } from 'node:fs/promises'

import { ConfigError, loadConfig, secretsOf } from './config.js'
import { createLog } from './log.js'

/** sysexits.h EX_CONFIG: tells a wrong configuration from a crash. */
const EXIT_CONFIG = 78

/**
 * This process's configuration and log. Ends the process, with a line for each problem, when it is not configured.
 */
export async function readService() {
  const { name, version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  const write = (/** @type {string} */ line) => void process.stdout.write(line)
  try {
    const config = loadConfig(process.env, { version })
    const fields = { service: name, version: config.version }
    return { config, log: createLog({ level: config.logLevel, secrets: secretsOf(config), fields, write }) }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const log = createLog({ level: 'info', fields: { service: name, version }, write })
    for (const problem of error.problems) log.fatal(problem)
    process.exit(EXIT_CONFIG)
  }
}
