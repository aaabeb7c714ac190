import type { PostgresSession } from '../../integrations/database/postgres.ts'
import { isBackgroundExtension } from './archive-entries.ts'
import type { DatabaseFacts } from '../storage/manifest.ts'
import { listSuperuserOnly } from './superuser-only.ts'

/** What acts beyond one database, or takes a superuser to be owned. */
export type BeyondDatabase = NonNullable<DatabaseFacts['beyond']>

/** Reads what of the session's database acts beyond it. */
export async function readBeyondDatabase(session: PostgresSession): Promise<BeyondDatabase> {
  const subscriptions = await session.rows<BeyondDatabase['subscriptions'][number]>(
    `SELECT s.subname AS name, coalesce(s.subslotname, '') AS slot, s.subpublications::text[] AS publications
       FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
      WHERE d.datname = current_database() ORDER BY 1`,
  )
  const slots = await session.rows<{ name: string }>(
    `SELECT slot_name AS name FROM pg_catalog.pg_replication_slots
      WHERE database = current_database() AND NOT temporary ORDER BY 1`,
  )
  const extensions = await session.rows<{ name: string }>(
    'SELECT extname AS name FROM pg_catalog.pg_extension',
  )
  return {
    subscriptions,
    slots: slots.map(({ name }) => name),
    superuserOwned: await session.rows(listSuperuserOwned),
    backgroundExtensions: extensions.map(({ name }) => name).filter(isBackgroundExtension),
    remoteViews: await session.rows(listRemoteViews),
    superuserOnly: (await session.rows<{ entry: string }>(listSuperuserOnly)).map(({ entry }) => entry),
  }
}

/** What PostgreSQL lets a superuser alone own, where its owner is one. What an extension brings is made with it. */
const listSuperuserOwned = `
  SELECT o.kind, o.name, r.rolname AS owner
    FROM (SELECT 'pg_catalog.pg_event_trigger'::regclass AS class, oid, 'event trigger' AS kind, evtname AS name, evtowner AS owner
            FROM pg_catalog.pg_event_trigger
          UNION ALL
          SELECT 'pg_catalog.pg_foreign_data_wrapper'::regclass, oid, 'foreign-data wrapper', fdwname, fdwowner
            FROM pg_catalog.pg_foreign_data_wrapper) o
    JOIN pg_catalog.pg_roles r ON r.oid = o.owner
   WHERE r.rolsuper AND NOT EXISTS (
         SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
   ORDER BY 1, 2`

/**
 * Materialized views that read another server: over foreign tables, their parents, or dblink, whether at once or through
 * other views.
 */
const listRemoteViews = `
  WITH RECURSIVE remote(oid) AS (
    (SELECT oid FROM pg_catalog.pg_class WHERE relkind = 'f'
     UNION SELECT w.ev_class
       FROM pg_catalog.pg_rewrite w
       JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
        AND d.refclassid = 'pg_catalog.pg_proc'::regclass
       JOIN pg_catalog.pg_depend e ON e.classid = 'pg_catalog.pg_proc'::regclass AND e.objid = d.refobjid AND e.deptype = 'e'
       JOIN pg_catalog.pg_extension x ON x.oid = e.refobjid AND x.extname = 'dblink')
    UNION SELECT x.oid FROM remote r CROSS JOIN LATERAL (
      SELECT i.inhparent AS oid FROM pg_catalog.pg_inherits i WHERE i.inhrelid = r.oid
      UNION ALL SELECT w.ev_class
        FROM pg_catalog.pg_rewrite w
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
       WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = r.oid) x)
  SELECT n.nspname AS schema, c.relname AS name
    FROM remote JOIN pg_catalog.pg_class c ON c.oid = remote.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind = 'm' ORDER BY 1, 2`
