import { InputError } from '../../outcome/errors.ts'
import {
  connect,
  quoteIdentifier,
  sqlState,
  type PostgresSession,
} from '../../integrations/database/postgres.ts'
import type { PostgresServer } from '../../integrations/database/postgres-url.ts'
import type { Contents } from '../storage/manifest.ts'

/** What a dump is to hold, as the inputs say it: names in which `*` stands for any characters; nothing: all of it. */
export type Scope = NonNullable<Contents['scope']>

/** What `schemas` accepts, and what `tables` does, for messages. */
export const acceptedSchemas = 'names of schemas, separated by spaces or commas; * stands for any characters'
export const acceptedTables =
  'names like public.users or audit.*, separated by spaces or commas; * stands for any characters'

/** A scope, as the dumped instant resolves it. */
export interface Resolved {
  /** For pg_dump: every name as it is, so that nothing is left to its own patterns. */
  args: string[]
  /** What of the contents the dump should hold. */
  trim(contents: Contents): Contents
}

interface Table {
  schema: string
  table: string
}

/** Reads a list of names. */
export function readNames(text: string): string[] {
  return text.split(/[\s,]+/).filter(name => name !== '')
}

/** True when it leaves nothing out. */
export function isWhole({ largeObjects, ...lists }: Scope): boolean {
  return largeObjects && Object.values(lists).every(list => list.length === 0)
}

/**
 * Resolves the names of a scope. Of a partitioned table, its partitions go along with it.
 * @throws InputError for a name that matches nothing, or is none
 */
export async function resolveScope(session: PostgresSession, scope: Scope): Promise<Resolved> {
  const found = await session.rows<Table & { above: string[] }>(listAll)
  const sequences = await session.rows<{ schema: string; sequence: string; owner: string | null }>(listOwners)
  const schemas = await session.rows<{ name: string }>(
    `SELECT nspname AS name FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'`,
  )
  const names = schemas.map(({ name }) => name)
  const only = matching('schemas', scope.schemas, names)
  const notSchemas = matching('exclude-schemas', scope.excludeSchemas, names)
  const all = found.map(nameOf)
  const tables = (input: string, patterns: string[]) => {
    const wrong = patterns.find(pattern => !pattern.includes('.'))
    if (wrong !== undefined) throw InputError.of(input, wrong, acceptedTables)
    const named = matching(input, patterns, all)
    return new Set(found.filter(each => each.above.some(name => named.has(name))).map(nameOf))
  }
  const [onlyTables, notTables] = [
    tables('tables', scope.tables),
    tables('exclude-tables', scope.excludeTables),
  ]
  const empty = tables('exclude-data', scope.excludeData)
  const inSchemas = (schema: string) => (only.size === 0 || only.has(schema)) && !notSchemas.has(schema)
  const holds = (schema: string, name: string) =>
    inSchemas(schema) && (onlyTables.size === 0 || onlyTables.has(name)) && !notTables.has(name)
  const owners = new Map(sequences.map(({ schema, sequence, owner }) => [`${schema}.${sequence}`, owner]))
  const quoted = (set: Set<string>) =>
    found
      .filter(each => set.has(nameOf(each)))
      .map(({ schema, table }) => `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`)

  return {
    args: [
      ...[...only].map(name => `--schema=${quoteIdentifier(name)}`),
      ...[...notSchemas].map(name => `--exclude-schema=${quoteIdentifier(name)}`),
      ...quoted(onlyTables).map(name => `--table=${name}`),
      ...quoted(notTables).map(name => `--exclude-table=${name}`),
      ...quoted(empty).map(name => `--exclude-table-data=${name}`),
      // With --schema or --table they would be left out without a word.
      scope.largeObjects ? '-b' : '-B',
    ],
    trim: contents => ({
      ...contents,
      scope,
      tables: contents.tables
        .filter(each => holds(each.schema, nameOf(each)))
        .map(each => (empty.has(nameOf(each)) ? { ...each, rows: 0, checksum: '0' } : each)),
      sequences: contents.sequences.filter(({ schema, sequence }) => {
        const owner = owners.get(`${schema}.${sequence}`) ?? undefined
        return owner === undefined ? inSchemas(schema) && onlyTables.size === 0 : holds(schema, owner)
      }),
      largeObjects: scope.largeObjects ? contents.largeObjects : { count: 0, checksum: '0' },
    }),
  }
}

/** Tables that are dumped by name come without their schemas: makes those that a database lacks. */
export async function makeSchemas(
  server: PostgresServer,
  contents: Contents,
  signal: AbortSignal,
): Promise<void> {
  if (!contents.scope || contents.scope.tables.length === 0) return
  const session = await connect(server, { signal })
  try {
    for (const schema of new Set(contents.tables.map(each => each.schema)))
      await session.rows(`CREATE SCHEMA ${quoteIdentifier(schema)}`).catch((error: unknown) => {
        // 42P06: it is there.
        if (sqlState(error) !== '42P06') throw error
      })
  } finally {
    await session.close()
  }
}

function matching(input: string, patterns: string[], names: string[]): Set<string> {
  const matched = new Set<string>()
  for (const pattern of patterns) {
    const literal = pattern.split('*').map(part => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    const expression = new RegExp(`^${literal.join('.*')}$`, 's')
    const found = names.filter(name => expression.test(name))
    if (found.length === 0)
      throw InputError.of(
        input,
        pattern,
        'names that the database has',
        'Correct the name: it matches nothing there. Upper and lower case count.',
      )
    for (const name of found) matched.add(name)
  }
  return matched
}

function nameOf({ schema, table }: Table): string {
  return `${schema}.${table}`
}

/** Every table, with the names of itself and of the partitioned tables above it. */
const listAll = `
  SELECT n.nspname AS schema, c.relname AS table,
         CASE WHEN c.relispartition
              THEN (SELECT array_agg(an.nspname || '.' || ac.relname)
                      FROM pg_catalog.pg_partition_ancestors(c.oid) a
                      JOIN pg_catalog.pg_class ac ON ac.oid = a.relid
                      JOIN pg_catalog.pg_namespace an ON an.oid = ac.relnamespace)
              ELSE ARRAY[n.nspname || '.' || c.relname] END AS above
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   ORDER BY 1, 2`

/** Every sequence, with the table whose column it belongs to. */
const listOwners = `
  SELECT n.nspname AS schema, c.relname AS sequence,
         (SELECT tn.nspname || '.' || t.relname
            FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
            JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
           WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
             AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i') LIMIT 1) AS owner
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind = 'S'`
