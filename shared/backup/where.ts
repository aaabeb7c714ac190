import { InputError } from '../outcome/errors.ts'
import { parsePostgresUrl, throughAddress, type PostgresServer } from '../platform/postgres-url.ts'
import { readEnvFile } from '../runbook/env-file.ts'
import type { Environment } from '../runbook/environment.ts'
import { destinationOf, openStore } from './open-store.ts'
import type { Store } from './store.ts'

type Variables = Record<string, string | undefined>

/** What an environment's env-file and the process's environment say about its database and its backups. */
export interface Surroundings {
  environment: Environment
  /** The env-file's values; empty when the environment has none. Secrets. */
  file: Record<string, string>
  /** The process's environment. */
  env: Variables
}

/** @throws InputError when the env-file that the runbook names cannot be read */
export function readSurroundings(environment: Environment, env: Variables): Surroundings {
  const file = environment.envFile === '' ? {} : readEnvFile(environment.root, environment.envFile)
  return { environment, file, env }
}

/** Variables that say, as libpq has it, which database is meant. */
const libpqVariables = ['PGSERVICE', 'PGHOST', 'PGHOSTADDR', 'PGDATABASE']

/**
 * The database that is meant.
 * @param given the input `database-url`; empty: DATABASE_URL as the service gets it, else what PGSERVICE or PGHOST says
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

/** The service's own DATABASE_URL, after where it stands. A target's `env` wins over the env-file, as in a release. */
function configuredUrl({ environment, file }: Surroundings): [where: string, url: string] | undefined {
  const { target, envFile, name } = environment
  const own = target.kind === 'kubernetes' ? '' : (target.env?.['DATABASE_URL'] ?? '')
  if (own !== '') return [`environments.${name}.target.env.DATABASE_URL`, own]
  const kept = file['DATABASE_URL'] ?? ''
  return kept === '' ? undefined : [`${envFile} DATABASE_URL`, kept]
}

/**
 * The store that is meant: as given, else as the runbook says, else the folder `backups` of the repository.
 * @param given the input `destination`, or empty
 */
export function resolveStore(surroundings: Surroundings, given: string): Promise<Store> {
  const { environment } = surroundings
  const configured = environment.backup?.destination
  const where =
    given !== '' || configured === undefined
      ? 'destination'
      : `environments.${environment.name}.backup.destination`
  const destination = (given || configured) ?? destinationOf(`${environment.root}/backups`)
  return openStore(where, destination, storeVariables(surroundings))
}

/**
 * Credentials of the object store: this process's own, whatever form they have; only where it has none at all, the
 * env-file's, which the guide keeps there.
 */
export function storeVariables({ file, env }: Surroundings): Variables {
  const ways = [
    'AWS_ACCESS_KEY_ID',
    'AWS_PROFILE',
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'AWS_ROLE_ARN',
    'AWS_CONTAINER_CREDENTIALS_FULL_URI',
    'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  ]
  const own = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  )
  if (ways.some(name => own[name] !== undefined)) return own
  const kept = Object.entries(file).filter(([name]) => name.startsWith('AWS_'))
  return { ...Object.fromEntries(kept), ...own }
}

/** Values among the variables that open something, to be masked. */
export function secretVariables({ file, env }: Surroundings): string[] {
  const names = ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'PGPASSWORD']
  return [file, env]
    .flatMap(variables => names.map(name => variables[name] ?? ''))
    .filter(value => value !== '')
}
