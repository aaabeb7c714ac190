import { InputError } from '../../outcome/errors.ts'
import {
  parsePostgresUrl,
  throughAddress,
  type PostgresServer,
} from '../../integrations/database/postgres-url.ts'
import { readEnvFile, type EnvFileKey } from '../../config/env-file/env-file.ts'
import type { Environment } from '../../config/environment.ts'
import { acceptedDestinations, openStore } from './open-store.ts'
import type { Store } from './store.ts'

type Variables = Record<string, string | undefined>

/** What an environment's env-file and the process's environment say about its database and its backups. */
export interface Surroundings {
  environment: Environment
  /** The env-file's values; empty when the environment has none. Secrets. */
  file: Record<string, string>
  /** Those of `backup.env-file`, which the service does not get; empty when there is none. Secrets. */
  own: Record<string, string>
  /** The process's environment. */
  env: Variables
}

/** @throws InputError when an env-file that the runbook names cannot be read */
export function readSurroundings(environment: Environment, env: Variables): Surroundings {
  const read = (path: string, key: EnvFileKey) =>
    path === '' ? {} : readEnvFile(environment.root, path, key)
  const file = read(environment.envFile, 'env-file')
  const own = read(environment.backup?.envFile ?? '', 'backup.env-file')
  return { environment, file, own, env }
}

/** Variables that say, as libpq has it, which database is meant. */
const libpqVariables = ['PGSERVICE', 'PGHOST', 'PGHOSTADDR', 'PGDATABASE']

/**
 * The database that is meant.
 * @param given the input `database-url`; empty: DATABASE_URL of `backup.env-file`, else as the service gets it, else what
 *   PGSERVICE or PGHOST says
 * @param via where a tunnel to it begins
 */
export function resolveDatabase(
  surroundings: Surroundings,
  given: string,
  via: PostgresServer['via'],
): PostgresServer {
  const { environment, env } = surroundings
  const configured = configuredUrl(surroundings)
  if (given !== '') return throughAddress(parsePostgresUrl('database-url', given, env), via)
  if (configured !== undefined) return throughAddress(parsePostgresUrl(...configured, env), via)
  if (libpqVariables.some(name => (env[name] ?? '') !== ''))
    return throughAddress(parsePostgresUrl('PGSERVICE, PGHOST', 'postgresql://', env), via)
  throw InputError.of(
    'database-url',
    undefined,
    'a URL like postgresql://user:password@host:5432/database',
    `Set database-url, or DATABASE_URL in the env-file of ${environment.name}, or libpq's variables (PGHOST, PGSERVICE).`,
  )
}

/**
 * The configured DATABASE_URL, after where it stands: for backups alone, else the service's own. Of that, a target's `env`
 * wins over the env-file, as in a release.
 */
function configuredUrl({
  environment,
  file,
  own: alone,
}: Surroundings): [where: string, url: string] | undefined {
  const { target, envFile, name, backup } = environment
  const direct = alone['DATABASE_URL'] ?? ''
  if (direct !== '') return [`${backup?.envFile ?? ''} DATABASE_URL`, direct]
  const own = target.kind === 'kubernetes' ? '' : (target.env?.['DATABASE_URL'] ?? '')
  if (own !== '') return [`environments.${name}.target.env.DATABASE_URL`, own]
  const kept = file['DATABASE_URL'] ?? ''
  return kept === '' ? undefined : [`${envFile} DATABASE_URL`, kept]
}

/**
 * The store that is meant: as given, else as the runbook says.
 * @param given the input `destination`, or empty
 * @throws InputError when neither names one
 */
export function resolveStore(surroundings: Surroundings, given: string): Promise<Store> {
  const { environment } = surroundings
  const configured = environment.backup?.destination ?? ''
  const where = given === '' ? `environments.${environment.name}.backup.destination` : 'destination'
  const destination = given || configured
  if (destination === '')
    throw new InputError(
      `environments.${environment.name} of the runbook has no backup block, so it is not known where its backups are; accepted: ${acceptedDestinations}`,
      {
        hint: `Add backup: { destination: s3://BUCKET/PREFIX } to environments.${environment.name} of the runbook, or set destination. A folder of the repository is no place for it: a dump has all that the database has.`,
      },
    )
  return openStore(where, destination, storeVariables(surroundings))
}

const storeKeys = [
  'AWS_ACCESS_KEY_ID',
  'AWS_PROFILE',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_ROLE_ARN',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
]

/**
 * Credentials of the object store: this process's own, whatever form they have; where it has none at all, those of
 * `backup.env-file`; where that has none, the env-file's, which the guide keeps there.
 */
export function storeVariables({ file, own: alone, env }: Surroundings): Variables {
  const said = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  )
  if (namesKeys(said)) return said
  const kept = Object.entries(namesKeys(alone) ? alone : { ...file, ...alone })
  return { ...Object.fromEntries(kept.filter(([name]) => name.startsWith('AWS_'))), ...said }
}

/** True when the store is opened with keys of the service's env-file, which every instance of the service has. */
export function sharesStoreKeys({ file, own: alone, env }: Surroundings): boolean {
  return (file['AWS_SECRET_ACCESS_KEY'] ?? '') !== '' && !namesKeys(env) && !namesKeys(alone)
}

function namesKeys(variables: Variables): boolean {
  return storeKeys.some(name => (variables[name] ?? '') !== '')
}

/** Values among the variables that open something, to be masked. */
export function secretVariables({ file, own: alone, env }: Surroundings): string[] {
  const names = ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'PGPASSWORD']
  return [file, alone, env]
    .flatMap(variables => names.map(name => variables[name] ?? ''))
    .filter(value => value !== '')
}
