import { checksOf } from '../../config/checks.ts'
import { fail, pass, warn, type Check, type CheckContext } from '../check.ts'
import { namedVariables } from '../code/npm-script.ts'

const lastLines = 20

/** No migration is pending that no step will run: the runbook names the program that lists them. */
export const migrations: Check = {
  id: 'migrations',
  title: 'No migration of the database is pending that the release does not bring along',
  deadlineMs: 60_000,
  inapplicable: environment =>
    checksOf(environment).database.migrations.length === 0
      ? 'the runbook does not say how to ask (checks.database.migrations)'
      : '',
  async run(context) {
    const { environment, exec, env, signal } = context
    const [program = '', ...args] = checksOf(environment).database.migrations
    const said = [program, ...args].join(' ')
    const config = environment.envFile === '' ? {} : context.config()
    const { code, stdout, stderr } = await exec.run(program, args, {
      cwd: environment.root,
      env,
      variables: { ...namedVariables(context), ...config },
      signal,
    })
    const tail = `${stdout}\n${stderr}`.trim().split('\n').slice(-lastLines).join('\n')
    if (code === 0) return pass(`none is pending, says ${said}`, tail)
    const seen = `pending, says ${said} (exit code ${code})`
    const bringers = await jobsOf(context)
    if (bringers.length > 0)
      return warn(`${seen}; the release brings ${bringers.join(', ')}`, 'Nothing, if that runs them.', tail)
    return fail(
      seen,
      'Run them before the release, when the one that serves can live with them; or have the release bring a Job with runbook/migration.',
      tail,
    )
  },
}

/** The Jobs of the release: they run before the workload is touched. */
async function jobsOf(context: CheckContext): Promise<string[]> {
  const payload = await context.payload().catch(() => undefined)
  return (payload?.objects ?? []).filter(object => object.startsWith('Job '))
}
