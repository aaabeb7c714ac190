import {
  quoteIdentifier,
  quoteLiteral,
  sqlState,
  type PostgresSession,
} from '../../integrations/database/postgres.ts'
import type { DatabaseFacts } from '../storage/manifest.ts'

/** What a new database takes over from the one that was dumped. */
export type Locale = Pick<DatabaseFacts, 'encoding' | 'collate' | 'ctype' | 'provider' | 'locale'>

/** Creates an empty database that sorts and encodes as another one does. @throws ToolError when the server cannot */
export async function createDatabase(session: PostgresSession, name: string, locale: Locale): Promise<void> {
  const { encoding, collate, ctype, provider } = locale
  const options = [
    'TEMPLATE template0',
    `ENCODING ${quoteLiteral(encoding)}`,
    `LC_COLLATE ${quoteLiteral(collate)}`,
    `LC_CTYPE ${quoteLiteral(ctype)}`,
  ]
  if (provider === 'i') options.push('LOCALE_PROVIDER icu', `ICU_LOCALE ${quoteLiteral(locale.locale)}`)
  if (provider === 'b')
    options.push('LOCALE_PROVIDER builtin', `BUILTIN_LOCALE ${quoteLiteral(locale.locale)}`)
  await session.rows(`CREATE DATABASE ${quoteIdentifier(name)} ${options.join(' ')}`)
}

/**
 * As `createDatabase`, but where the machine has not got the locale, with C.UTF-8 or C in its place: enough to hold
 * the rows, while indexes sort differently.
 * @returns the locale that was used
 */
export async function createScratchDatabase(
  session: PostgresSession,
  name: string,
  wanted: Locale,
): Promise<string> {
  const tries: Locale[] = [wanted, plain(wanted, 'C.UTF-8'), plain(wanted, 'C')]
  for (const [index, locale] of tries.entries()) {
    try {
      await createDatabase(session, name, locale)
      return locale.locale || locale.collate
    } catch (error) {
      // 22023, 42809: no such locale here, or one that does not go with the encoding; 42601: no such provider yet.
      if (index === tries.length - 1 || !['22023', '42809', '42601'].includes(sqlState(error))) throw error
    }
  }
  return ''
}

/** Drops a database with whatever is connected to it. */
export async function dropDatabase(session: PostgresSession, name: string): Promise<void> {
  await session.rows(
    'SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
    [name],
  )
  await session.rows(`DROP DATABASE IF EXISTS ${quoteIdentifier(name)}`)
}

function plain({ encoding }: Locale, name: string): Locale {
  return { encoding, collate: name, ctype: name, provider: 'c', locale: '' }
}
