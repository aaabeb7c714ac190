import type { CheckContext, Waiver } from '../../checks/check.ts'
import { readEnvFile, secretsOf } from '../../config/env-file/env-file.ts'
import type { Environment } from '../../config/environment.ts'
import { parseVersion } from '../../config/version.ts'
import type { Payload } from '../../targets/target.ts'
import type { TargetPorts } from '../step/ports.ts'
import { planVerification } from '../verify/verification.ts'

/** What is to be deployed, as far as its caller knows. */
export interface Candidate {
  /** Empty for the tag that triggered the run. */
  version: string
  image: string
  'force-conflicts': boolean
  skip?: Waiver[]
  accept?: Waiver[]
  'github-token'?: string
  'backs-up-next'?: boolean
}

/** For a rehearsal without a version: older than any that is ever deployed. */
const unnamedVersion = 'v0.0.0'

/** What the checks of one step share: each thing is read at the first question for it, and once. */
export function createContext(
  environment: Environment,
  {
    version,
    image,
    'force-conflicts': forced,
    'backs-up-next': backsUpNext = false,
    skip = [],
    accept = [],
    'github-token': said = '',
  }: Candidate,
  ports: TargetPorts,
): CheckContext {
  const { clock, exec, env, signal, secrets, run } = ports
  const config = once(() => {
    const values = readEnvFile(environment.root, environment.envFile)
    for (const value of secretsOf(values)) secrets.add(value)
    return values
  })
  const githubToken = said === '' ? (env['GITHUB_TOKEN'] ?? env['GH_TOKEN'] ?? '') : said
  if (githubToken !== '') secrets.add(githubToken)
  const asked = version === '' ? run.tag : version
  const payload = async (): Promise<Payload | undefined> => {
    const { target, envFile } = environment
    if (image === '' && target.kind !== 'process') return undefined
    const opened = await ports.openTarget()
    const named = asked === '' ? unnamedVersion : parseVersion('version', asked)
    return opened.render({
      version: named,
      image: await opened.pin({ version: named, image }),
      config: envFile === '' ? {} : config(),
    })
  }
  return {
    environment,
    timeLeftMs: () => Number.POSITIVE_INFINITY,
    run,
    version: asked,
    githubToken,
    image,
    skipped: skip,
    accepted: accept,
    conflicts: forced ? 'take' : 'stop',
    backsUpNext,
    secrets,
    clock,
    exec,
    env,
    signal,
    config,
    target: () => ports.openTarget(),
    openTunnel: place => ports.openTunnel(place),
    payload: once(payload),
    planVerification: () => planVerification(environment),
  }
}

function once<T>(read: () => T): () => T {
  let value: { of: T } | undefined
  return () => (value ??= { of: read() }).of
}
