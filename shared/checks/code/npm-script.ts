import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { checksOf } from '../../config/checks.ts'
import type { Environment } from '../../config/environment.ts'
import { fail, pass, skip, type CheckContext, type Finding } from '../check.ts'
import { findGitHub, isOnGitHub } from './github-place.ts'

const lastLines = 40

/** Where the service's package.json lies. */
export function packageFolder(environment: Environment): string {
  return resolve(environment.root, checksOf(environment).code.directory)
}

/** Why the code is not judged on this machine; empty when it is. */
export async function judgedElsewhere(context: CheckContext): Promise<string> {
  if (isOnGitHub(context)) return 'CI does it: the check ci has the result'
  return typeof (await findGitHub(context)) === 'string' ? '' : 'GitHub is asked instead: see the check ci'
}

/** Runs one of the service's own npm scripts, as the guide's list has it. */
export async function runNpmScript(context: CheckContext, script: 'test' | 'lint'): Promise<Finding> {
  const elsewhere = await judgedElsewhere(context)
  if (elsewhere !== '') return skip(elsewhere)
  const { environment, exec, env, signal } = context
  const cwd = packageFolder(environment)
  const scripts = await scriptsOf(cwd)
  if (!scripts) return skip(`no package.json in ${cwd}: name its folder in checks.code.directory`)
  if (!(script in scripts)) return skip(`package.json has no script ${script}`)
  const { code, stdout, stderr } = await exec.run('npm', ['run', '--silent', script], {
    ...{ cwd, env, signal },
    variables: namedVariables(context),
  })
  if (code === 0) return pass(`npm run ${script} passes`)
  const tail = `${stdout}\n${stderr}`.trim().split('\n').slice(-lastLines).join('\n')
  return fail(
    `npm run ${script} fails (exit code ${code})`,
    `Run npm run ${script} in ${cwd} and fix what it reports; npm ci first, if packages are missing.`,
    tail,
  )
}

/** The variables of this machine that the runbook names for the service's own code. */
export function namedVariables({ environment, env }: CheckContext): Record<string, string | undefined> {
  return Object.fromEntries(checksOf(environment).code.variables.map(name => [name, env[name]]))
}

async function scriptsOf(folder: string): Promise<Record<string, string> | undefined> {
  try {
    const text = await readFile(join(folder, 'package.json'), 'utf8')
    return (JSON.parse(text) as { scripts?: Record<string, string> }).scripts ?? {}
  } catch {
    return undefined
  }
}
