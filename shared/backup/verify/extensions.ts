import { ToolError } from '../../outcome/errors.ts'
import { quoteIdentifier, sqlState, type PostgresSession } from '../../integrations/database/postgres.ts'
import { isBackgroundExtension, type WantedExtension } from '../dump/archive-entries.ts'
import type { DatabaseFacts } from '../storage/manifest.ts'

/**
 * Extensions that are created in a copy with the rights of a superuser, though they are not marked as trusted: none of them
 * gives a role without those rights access to files, programs or other roles of the server. Those that are trusted
 * (PostgreSQL: extension control files, `trusted`) any owner of a database may create.
 */
const known = new Set(
  `adminpack amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance file_fdw
   fuzzystrmatch hstore insert_username intagg intarray isn lo ltree moddatetime old_snapshot pageinspect pg_buffercache
   pg_freespacemap pg_prewarm pg_stat_statements pg_surgery pg_trgm pg_visibility pg_walinspect pgcrypto pgrowlocks pgstattuple
   postgres_fdw refint seg sslinfo tablefunc tcn tsm_system_rows tsm_system_time unaccent uuid-ossp xml2
   address_standardizer address_standardizer_data_us h3 h3_postgis pgrouting postgis postgis_raster postgis_sfcgal
   postgis_tiger_geocoder postgis_topology age citus hll hypopg ip4r mysql_fdw oracle_fdw periods pg_bigm pg_hint_plan pg_ivm
   pg_partman pg_qualstats pg_repack pg_similarity pg_sphere pg_stat_kcache pg_uuidv7 pgaudit pgjwt pgmq pgroonga pgtap
   plpgsql_check plv8 prefix q3c rdkit rum semver smlar tdigest tds_fdw temporal_tables timescaledb topn unit vector
   vectorscale zhparser`.split(/\s+/),
)

/** Names of the extensions that the session's server has and a copy may have. */
export async function creatableExtensions(session: PostgresSession): Promise<Set<string>> {
  const rows = await session.rows<{ name: string; trusted: boolean | null }>(
    // `trusted` came with 13.
    `SELECT v.name, bool_or((to_jsonb(v) ->> 'trusted')::boolean) AS trusted
       FROM pg_catalog.pg_available_extension_versions v GROUP BY 1`,
  )
  return new Set(
    rows.filter(({ name, trusted }) => mayCreate(name, trusted === true)).map(({ name }) => name),
  )
}

function mayCreate(name: string, trusted: boolean): boolean {
  return (trusted || known.has(name)) && !isBackgroundExtension(name)
}

/**
 * @param session with the server that a copy is made on
 * @throws ToolError when it lacks an extension that the copy would have, if it were installed
 */
export async function requireExtensions(
  session: PostgresSession,
  extensions: DatabaseFacts['extensions'],
): Promise<void> {
  const available = await session.rows<{ name: string }>(
    'SELECT name FROM pg_catalog.pg_available_extensions',
  )
  const names = new Set(available.map(({ name }) => name))
  const missing = extensions.filter(({ name }) => known.has(name) && !names.has(name)).map(({ name }) => name)
  if (missing.length === 0) return
  throw new ToolError(`The server to verify on lacks the extension ${missing.join(', ')}`, {
    tool: 'PostgreSQL',
    hint: 'Install its package there, or name a server that has it with verify-url.',
  })
}

/**
 * Creates extensions in an empty database, those that others require before them.
 * @param session with that database
 * @param role that fills the database; undefined: the session's own
 */
export async function createExtensions(
  session: PostgresSession,
  extensions: WantedExtension[],
  role: string | undefined,
): Promise<void> {
  for (const schema of new Set(extensions.map(each => each.schema ?? 'public')))
    if (schema !== 'public')
      await session.rows(
        `CREATE SCHEMA ${quoteIdentifier(schema)}${role === undefined ? '' : ` AUTHORIZATION ${quoteIdentifier(role)}`}`,
      )
  for (let waiting = extensions; waiting.length > 0;) {
    const [left, errors] = [[] as WantedExtension[], [] as unknown[]]
    for (const extension of waiting) {
      try {
        await createExtension(session, extension)
      } catch (error) {
        // 42704, undefined_object: it requires one that is not there yet.
        if (sqlState(error) !== '42704') throw error
        left.push(extension)
        errors.push(error)
      }
    }
    if (left.length === waiting.length) throw errors[0]
    waiting = left
  }
  if (role !== undefined) await grantExtensions(session, role)
}

async function createExtension(session: PostgresSession, { name, schema }: WantedExtension): Promise<void> {
  const where = schema === undefined ? '' : ` WITH SCHEMA ${quoteIdentifier(schema)}`
  await session.rows(`CREATE EXTENSION IF NOT EXISTS ${quoteIdentifier(name)}${where}`)
}

/** What a dump does with extensions beside creating them: fills their tables, and makes servers of their wrappers. */
async function grantExtensions(session: PostgresSession, role: string): Promise<void> {
  const grants = await session.rows<{ sql: string }>(
    `SELECT format('GRANT ALL ON SCHEMA %I TO %I', n.nspname, $1::text) AS sql
       FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_namespace n ON n.oid = d.objid
      WHERE d.classid = 'pg_catalog.pg_namespace'::regclass AND d.deptype = 'e'
     UNION ALL
     SELECT format('GRANT %s ON %s TO %I', CASE c.relkind WHEN 'S' THEN 'ALL' ELSE 'SELECT, INSERT' END, c.oid::regclass, $1::text)
       FROM pg_catalog.pg_extension e CROSS JOIN LATERAL unnest(e.extconfig) AS config(oid)
       JOIN pg_catalog.pg_class c ON c.oid = config.oid
     UNION ALL
     SELECT format('GRANT USAGE ON FOREIGN DATA WRAPPER %I TO %I', w.fdwname, $1::text)
       FROM pg_catalog.pg_foreign_data_wrapper w`,
    [role],
  )
  for (const { sql } of grants) await session.rows(sql)
}
