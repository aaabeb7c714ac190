import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { findEnvFileFaults, type EnvFileFault } from '../runbook/env-faults.ts'
import { isExpected } from '../outcome/errors.ts'
import { fail, pass, type Check, type CheckContext } from './check.ts'

/** The guide's rules for env-files: all required keys, no placeholders, strong secrets, mode 600, not in git. */
export const envFile: Check = {
  id: 'env-file',
  title:
    'The env-file is complete, without placeholders and weak secrets, read alike everywhere, and kept from others',
  inapplicable: ({ envFile: file }) => (file === '' ? 'the runbook names no env-file' : ''),
  async run(context) {
    const { root, envFile: file, requires, name } = context.environment
    const faults = findEnvFileFaults(root, file, { requires, environment: name })
    const keys = Object.keys(context.config()).length
    const [first] = faults
    if (first) {
      const lines = faults.map(each => `${describe(each)}. ${each.remedy}`)
      const more = faults.length > 1 ? `, and ${faults.length - 1} more` : ''
      return fail(`${describe(first)}${more}`, first.remedy, lines.join('\n'))
    }
    if (await isTracked(context, file)) {
      return fail(
        `${file} is in git: whoever can read the repository has its secrets`,
        `Run git rm --cached ${file}, add it to .gitignore, and change every secret in it.`,
      )
    }
    const { mode } = await stat(resolve(root, file))
    if ((mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8)
      return fail(`${file} has mode ${shown}: others on this machine can read it`, `Run chmod 600 ${file}.`)
    }
    return pass(`${keys} keys, none of the ${requires.length} required missing`)
  },
}

function describe({ where, key, fault }: EnvFileFault): string {
  return [where, key, fault].filter(part => part !== '').join(' ')
}

async function isTracked({ exec, env, environment, signal }: CheckContext, file: string): Promise<boolean> {
  try {
    const args = ['-C', environment.root, 'ls-files', '--error-unmatch', '--', file]
    const { code } = await exec.run('git', args, { env, signal })
    return code === 0
  } catch (error) {
    // Without git there is no repository to be in.
    if (isExpected(error)) return false
    throw error
  }
}
