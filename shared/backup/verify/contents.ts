import { quoteIdentifier, type PostgresSession } from '../../integrations/database/postgres.ts'
import type { Contents, TableContents } from '../storage/manifest.ts'

/**
 * How a row becomes a number; either way its columns are taken by name, since a dump restores an inherited table with
 * another order of columns. `values`: columns are hashed as they are stored, which takes half of the time, and a server of
 * 14 or newer. `text`: the row as text is.
 */
export type Hashing = Contents['hashing']

/** A table whose rows are counted and hashed. */
interface TableName {
  schema: string
  table: string
  /** A partitioned table is read whole: a restore may put a row into another partition (hashed enums do). */
  partitioned: boolean
  /** False where the dump holds no rows of it: unlogged tables of a standby cannot be read there. */
  readable: boolean
  /** In the order of their names. */
  columns: { name: string; kind: ColumnKind }[]
}

/**
 * How a column enters the hash of its row. Types are hashed by value only where equal values look the same: numeric and
 * float are sent instead, so that 1.0 is not 1.00, nor 0 the same as -0; what is not listed goes as text. A float that is
 * no number has many bit patterns (Infinity - Infinity sets the sign), of which a dump restores one: all count as that one.
 */
type ColumnKind = 'value' | 'characters' | 'numeric' | 'float4' | 'float8' | 'bpchar' | 'builtin' | 'other'

const kindOfColumn = `
  CASE WHEN a.atttypid = ANY ('{bool,int2,int4,int8,oid,uuid,bytea,date,time,timestamp,timestamptz}'::regtype[]) THEN 'value'
       WHEN a.atttypid = ANY ('{text,varchar}'::regtype[]) THEN 'characters'
       WHEN a.atttypid = ANY ('{numeric,float4,float8,bpchar}'::regtype[]) THEN (SELECT y.typname FROM pg_catalog.pg_type y WHERE y.oid = a.atttypid)::text
       WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_type y WHERE y.oid = a.atttypid AND y.typnamespace = 'pg_catalog'::regnamespace) THEN 'builtin'
       ELSE 'other' END`

const hashed: Record<ColumnKind, (column: string) => string> = {
  value: column => column,
  characters: column => `${column} COLLATE "C"`,
  numeric: column => `numeric_send(${column})`,
  float4: column => `float4send(CASE WHEN ${column} = 'NaN' THEN 'NaN' ELSE ${column} END)`,
  float8: column => `float8send(CASE WHEN ${column} = 'NaN' THEN 'NaN' ELSE ${column} END)`,
  bpchar: column => `bpcharsend(${column})`,
  builtin: column => `${column}::text COLLATE "C"`,
  other: column => `${outputOf(column)} COLLATE "C"`,
}

/**
 * A value as its type's own output function writes it, and null for null. Not by a cast, as the built-in types: the owner of
 * a type can make one to text out of any function (CREATE CAST), which would then run with the rights of the user who backs
 * up. It takes a third longer than a cast.
 */
function outputOf(value: string): string {
  return `CASE WHEN num_nulls(${value}) = 0 THEN format('%s', ${value}) END`
}

interface SequenceName {
  schema: string
  sequence: string
}

/** Of pg_class `c`: what users made, and pg_dump dumps. An extension's own tables come back with the extension. */
const dumped = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (
  SELECT 1 FROM pg_catalog.pg_depend e
   WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')`

/** Partitions that are foreign tables are not dumped: such a table is compared partition by partition. */
const foreignLeaf = `EXISTS (
  SELECT 1 FROM pg_catalog.pg_partition_tree(pg_catalog.pg_partition_root(c.oid)) p
    JOIN pg_catalog.pg_class l ON l.oid = p.relid WHERE l.relkind = 'f')`

const listTables = (where: string) => `
  SELECT n.nspname AS schema, c.relname AS table, c.relkind = 'p' AS partitioned,
         NOT (c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery()) AS readable,
         (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'kind', ${kindOfColumn}) ORDER BY a.attname COLLATE "C"), '[]')
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE ${dumped} AND ${where}
   ORDER BY pg_catalog.pg_table_size(c.oid) DESC, 1, 2`

/** Roots of partitioned tables, and tables that are neither. */
const whole = `CASE WHEN c.relkind = 'p' THEN NOT c.relispartition AND NOT ${foreignLeaf}
                   WHEN c.relkind = 'r' THEN NOT c.relispartition OR ${foreignLeaf}
                   ELSE false END`

/** Of a dump that may lack some partitions: each by itself. */
const each = `c.relkind = 'r'`

const listSequences = `
  SELECT n.nspname AS schema, c.relname AS sequence
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind = 'S' AND ${dumped} AND NOT (c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery())
   ORDER BY 1, 2`

/** Large objects in pieces of 16 MiB: reading one whole fails beyond 1 GiB. */
const hashLargeObjects = `
  WITH RECURSIVE piece(id, at, hash, bytes) AS (
    SELECT m.oid, 0::bigint, md5(x.data), length(x.data)
      FROM pg_catalog.pg_largeobject_metadata m
      CROSS JOIN LATERAL (SELECT lo_get(m.oid, 0, 16777216) AS data OFFSET 0) x
    UNION ALL
    SELECT p.id, p.at + 16777216, md5(x.data), length(x.data)
      FROM piece p
      CROSS JOIN LATERAL (SELECT lo_get(p.id, p.at + 16777216, 16777216) AS data OFFSET 0) x
     WHERE p.bytes = 16777216)
  SELECT count(DISTINCT id)::text AS count,
         coalesce(sum(hashtextextended(concat_ws(':', id, at, hash, bytes) COLLATE "C", 0)), 0)::text AS checksum
    FROM piece`

/**
 * Counts and hashes all that the session's transaction sees: one that `beginReading` began. Sequences are given with
 * their next value as both bounds. Tables are locked one after the other and not together, so that a server with the
 * usual `max_locks_per_transaction` has locks left for the service, however many tables there are.
 * @param tablesAre whether partitions are read with their table, or each by itself
 */
export async function readContents(
  session: PostgresSession,
  hashing: Hashing,
  tablesAre: 'whole' | 'each' = 'whole',
): Promise<Contents> {
  const sequences = await readAllSequences(session)
  const tables: TableContents[] = []
  const names = await session.rows<TableName>(listTables(tablesAre === 'whole' ? whole : each))
  await session.rows('SAVEPOINT unlocked')
  for (const table of names) {
    tables.push(await hashTable(session, table, hashing))
    // Gives the locks on the table and its indexes back; the snapshot stays.
    await session.rows('ROLLBACK TO SAVEPOINT unlocked')
  }
  const [large] = await session.rows<{ count: string; checksum: string }>(hashLargeObjects)
  return {
    hashing,
    tables: tables.sort((a, b) => compareNames(a.schema, b.schema) || compareNames(a.table, b.table)),
    sequences,
    largeObjects: { count: Number(large?.count ?? 0), checksum: large?.checksum ?? '0' },
  }
}

/** The tables that are dumped, largest first. The session must be in a transaction that `beginReading` began. */
export function readTables(
  session: PostgresSession,
): Promise<Pick<TableName, 'schema' | 'table' | 'partitioned'>[]> {
  return session.rows(listTables(whole))
}

/** What a server of that major version can do best. */
export function hashingOf(major: number): Hashing {
  return major >= 14 ? 'values' : 'text'
}

/** All sequences, with the value that each gives next as both of its bounds. */
export async function readAllSequences(session: PostgresSession): Promise<Contents['sequences']> {
  const names = await session.rows<SequenceName>(listSequences)
  const next = await readSequences(session, names)
  return names.map((name, index) => ({ ...name, from: next[index] ?? '', to: next[index] ?? '' }))
}

/** The values that the sequences will give next, in the order asked for. */
async function readSequences(session: PostgresSession, names: SequenceName[]): Promise<string[]> {
  const values: string[] = []
  // In portions: one statement for thousands of sequences would be slow to plan.
  for (let from = 0; from < names.length; from += 200) {
    const portion = names.slice(from, from + 200)
    const parts = portion.map(
      ({ schema, sequence }, index) =>
        `SELECT ${index} AS position, CASE WHEN s.is_called THEN s.last_value::numeric + d.seqincrement ELSE s.last_value END::text AS next
           FROM ${quoteIdentifier(schema)}.${quoteIdentifier(sequence)} s,
                pg_catalog.pg_sequence d WHERE d.seqrelid = s.tableoid`,
    )
    const rows = await session.rows<{ next: string }>(`${parts.join(' UNION ALL ')} ORDER BY position`)
    values.push(...rows.map(({ next }) => next))
  }
  return values
}

/**
 * The bounds of each sequence that pg_dump may have found, since sequences stand outside of any snapshot.
 * @param before as they were before the dump
 * @param after as they are after it; one that was dropped meanwhile keeps its bounds, which the restore decides on
 */
export function widenSequences(
  before: Contents['sequences'],
  after: Contents['sequences'],
): Contents['sequences'] {
  const now = new Map(after.map(each => [nameOf(each.schema, each.sequence), each.from]))
  return before.map(each => ({ ...each, to: now.get(nameOf(each.schema, each.sequence)) ?? each.to }))
}

/**
 * What differs between what was dumped and what was restored, one line each; empty when nothing does.
 * A restored sequence must lie within the bounds that were seen around the dump.
 */
export function compareContents(dumped: Contents, restored: Contents): string[] {
  const differences: string[] = []
  const tables = new Map(restored.tables.map(each => [nameOf(each.schema, each.table), each]))
  for (const { schema, table, rows, checksum } of dumped.tables) {
    const name = nameOf(schema, table)
    const found = tables.get(name)
    tables.delete(name)
    if (!found) differences.push(`table ${name} is missing`)
    else if (found.rows !== rows)
      differences.push(`table ${name} has ${found.rows} rows, was dumped with ${rows}`)
    else if (found.checksum !== checksum)
      differences.push(`table ${name} has the same ${rows} rows in number, but other values`)
  }
  for (const name of tables.keys()) differences.push(`table ${name} was not dumped, but is there`)
  const sequences = new Map(restored.sequences.map(each => [nameOf(each.schema, each.sequence), each.from]))
  for (const { schema, sequence, from, to } of dumped.sequences) {
    const name = nameOf(schema, sequence)
    const next = sequences.get(name)
    if (next === undefined) differences.push(`sequence ${name} is missing`)
    else if (!isBetween(BigInt(next), BigInt(from), BigInt(to)))
      differences.push(`sequence ${name} gives ${next} next, was between ${from} and ${to}`)
  }
  const [before, after] = [dumped.largeObjects, restored.largeObjects]
  if (before.count !== after.count)
    differences.push(`${after.count} large objects, ${before.count} were dumped`)
  else if (before.checksum !== after.checksum) differences.push('the large objects have other contents')
  return differences
}

async function hashTable(
  session: PostgresSession,
  { schema, table, partitioned, readable, columns }: TableName,
  hashing: Hashing,
): Promise<TableContents> {
  if (!readable) return { schema, table, rows: 0, checksum: '0' }
  const from = `${partitioned ? '' : 'ONLY '}${quoteIdentifier(schema)}.${quoteIdentifier(table)}`
  const row = hashRow(columns, hashing)
  const [found] = await session.rows<{ rows: string; checksum: string }>(
    `SELECT count(*)::text AS rows, coalesce(sum(${row}), 0)::text AS checksum FROM ${from} AS whole_row`,
  )
  return { schema, table, rows: Number(found?.rows ?? 0), checksum: found?.checksum ?? '' }
}

function hashRow(columns: TableName['columns'], hashing: Hashing): string {
  const qualified = (name: string) => `whole_row.${quoteIdentifier(name)}`
  if (columns.length === 0) return `hashtextextended('()', 0)`
  if (hashing === 'values')
    return `hash_record_extended(ROW(${columns.map(({ name, kind }) => hashed[kind](qualified(name))).join(', ')}), 0)`
  return `hashtextextended(ROW(${columns.map(({ name }) => qualified(name)).join(', ')})::text COLLATE "C", 0)`
}

function nameOf(schema: string, name: string): string {
  return `${schema}.${name}`
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function isBetween(value: bigint, one: bigint, other: bigint): boolean {
  return one <= other ? one <= value && value <= other : other <= value && value <= one
}
