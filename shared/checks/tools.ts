import semver from 'semver'
import { isExpected } from '../outcome/errors.ts'
import type { Environment } from '../runbook/environment.ts'
import { pass, warn, type Check, type CheckContext } from './check.ts'

/** One program, and from which version on it serves. */
interface Tool {
  name: string
  /** Commands that tell the version: the first that runs does. */
  commands: string[][]
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
  { name: 'node', commands: [['node', '--version']], least: '18.0.0', neededBy: always },
  { name: 'npm', commands: [['npm', '--version']], least: '8.0.0', neededBy: always },
  { name: 'git', commands: [['git', '--version']], neededBy: always },
  { name: 'curl', commands: [['curl', '--version']], neededBy: always },
  { name: 'docker', commands: [['docker', '--version']], neededBy: on('docker') },
  {
    name: 'docker compose',
    commands: [
      ['docker', 'compose', 'version'],
      ['docker-compose', '--version'],
    ],
    neededBy: on('docker'),
  },
  { name: 'kubectl', commands: [['kubectl', 'version', '--client']], neededBy: on('kubernetes') },
  { name: 'pm2', commands: [['pm2', '--version']], neededBy: on('process') },
  { name: 'pg_dump', commands: [['pg_dump', '--version']], neededBy: ({ backup }) => backup !== undefined },
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

/** Empty when it is not there. */
async function versionOf({ commands }: Tool, { exec, env, signal }: CheckContext): Promise<string> {
  for (const [program = '', ...args] of commands) {
    try {
      const { code, stdout } = await exec.run(program, args, { env, signal })
      if (code === 0) return /\d+\.\d+(\.\d+)?/.exec(stdout)?.[0] ?? 'of an unknown version'
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
