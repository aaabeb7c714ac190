import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { findEnvFileFaults, type EnvFileFault } from '../../config/env-file/env-faults.ts'
import { isExpected } from '../../outcome/errors.ts'
import { fail, pass, warn, type Check, type CheckContext, type Finding } from '../check.ts'

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
    const grave = faults.find(({ weight }) => weight !== 'note')
    if (grave) return fail(...list(grave, faults))
    const inGit = await lookInGit(context, file)
    if (inGit?.result === 'fail') return inGit
    const { mode } = await stat(resolve(root, file))
    if ((mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8)
      return fail(`${file} has mode ${shown}: others on this machine can read it`, `Run chmod 600 ${file}.`)
    }
    if (inGit) return inGit
    const [note] = faults
    if (note) return warn(...list(note, faults))
    return pass(`${keys} keys, none of the ${requires.length} required missing`)
  },
}

/** One finding for the line of the check, all of them below it. */
function list(
  first: EnvFileFault,
  faults: EnvFileFault[],
): [finding: string, remedy: string, evidence: string] {
  const lines = faults.map(each => `${describe(each)}. ${each.remedy}`)
  const more = faults.length > 1 ? `, and ${faults.length - 1} more` : ''
  return [`${describe(first)}${more}`, first.remedy, lines.join('\n')]
}

function describe({ where, key, fault }: EnvFileFault): string {
  return [where, key, fault].filter(part => part !== '').join(' ')
}

/** Undefined where git does not have the file, or there is no git, or no repository. */
async function lookInGit(
  { exec, env, environment: { root }, signal }: CheckContext,
  file: string,
): Promise<Finding | undefined> {
  try {
    const args = ['-C', root, 'ls-files', '--error-unmatch', '--', file]
    const { code, stderr } = await exec.run('git', args, { env: { ...env, LC_ALL: 'C' }, signal })
    if (code === 0)
      return fail(
        `${file} is in git: every reader of the repository has its secrets`,
        `Run git rm --cached ${file}, add it to .gitignore, and change every secret in it.`,
      )
    if (code === 1 || stderr.includes('not a git repository')) return undefined
    // As in a container whose user is not the owner of the checkout.
    return warn(
      `git does not tell whether it has ${file}: ${stderr.split('\n')[0] ?? ''}`,
      `Let git look: git config --global --add safe.directory ${root}`,
    )
  } catch (error) {
    signal.throwIfAborted()
    if (isExpected(error)) return undefined
    throw error
  }
}
