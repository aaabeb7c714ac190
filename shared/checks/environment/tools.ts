import semver from 'semver'
import { isExpected } from '../../outcome/errors.ts'
import type { Environment } from '../../config/environment.ts'
import { pm2Version } from '../../targets/process/pm2.ts'
import { pass, warn, type Check, type CheckContext } from '../check.ts'

/** One program, and from which version on it serves. */
interface Tool {
  name: string
  /** Commands that tell the version: the first that runs does. Or what else tells it, empty when it is not there. */
  version: string[][] | ((context: CheckContext) => string)
  /** Lowest version; undefined when any will do. */
  least?: string
  neededBy: (environment: Environment) => boolean
}

const always = () => true
const on =
  (...kinds: string[]) =>
  ({ target }: Environment) =>
    kinds.includes(target.kind)

/** The guide's list, and the program that backups are made with. What is not needed for an environment is not asked. */
const guideTools: Tool[] = [
  { name: 'node', version: [['node', '--version']], least: '18.0.0', neededBy: always },
  { name: 'npm', version: [['npm', '--version']], least: '8.0.0', neededBy: always },
  { name: 'git', version: [['git', '--version']], neededBy: always },
  { name: 'curl', version: [['curl', '--version']], neededBy: always },
  { name: 'docker', version: [['docker', '--version']], neededBy: on('docker') },
  {
    name: 'docker compose',
    version: [
      ['docker', 'compose', 'version'],
      ['docker-compose', '--version'],
    ],
    neededBy: on('docker'),
  },
  { name: 'kubectl', version: [['kubectl', 'version', '--client']], neededBy: on('kubernetes') },
  { name: 'pm2', version: ownPm2, neededBy: on('process') },
  { name: 'pg_dump', version: [['pg_dump', '--version']], neededBy: ({ backup }) => backup !== undefined },
]

/**
 * The guide's tools are there. The steps of this suite speak to Docker and Kubernetes without them, people in an
 * emergency do not: so what is missing is a warning.
 */
export const tools: Check = {
  id: 'tools',
  title: 'The tools that the guide asks for are installed',
  inapplicable: () => '',
  async run(context) {
    const asked = guideTools.filter(({ neededBy }) => neededBy(context.environment))
    const found = await Promise.all(
      asked.map(async tool => ({ tool, version: await versionOf(tool, context) })),
    )
    const lacking = found.filter(({ tool, version }) => version === '' || isOlder(version, tool.least))
    const seen = found
      .map(({ tool, version }) => `${tool.name} ${version === '' ? 'missing' : version}`)
      .join(', ')
    if (lacking.length === 0) return pass(seen)
    const wanted = lacking.map(({ tool: { name, least } }) => (least ? `${name} ${least} or newer` : name))
    return warn(seen, `Install ${wanted.join(', ')}.`)
  },
}

/** The pm2 that the target would use, which may be the project's own. */
function ownPm2({ environment: { root, target }, env }: CheckContext): string {
  return pm2Version({ root, source: target.kind === 'process' ? (target.source ?? '') : '', env })
}

/** Empty when it is not there. */
async function versionOf({ version }: Tool, context: CheckContext): Promise<string> {
  if (typeof version === 'function') return version(context)
  const { exec, env, signal } = context
  for (const [program = '', ...args] of version) {
    try {
      const { code, stdout } = await exec.run(program, args, { env, signal })
      if (code === 0) return /\d{1,9}\.\d{1,9}(\.\d{1,9})?/.exec(stdout)?.[0] ?? 'of an unknown version'
    } catch (error) {
      signal.throwIfAborted()
      if (!isExpected(error)) throw error
    }
  }
  return ''
}

function isOlder(version: string, least: string | undefined): boolean {
  const found = semver.coerce(version)
  return least !== undefined && found !== null && semver.lt(found, least)
}
