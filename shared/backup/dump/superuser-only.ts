/*
 * What PostgreSQL lets a superuser alone create. A copy is restored by a role without those rights, so that code of the
 * dump has none; what takes them is left out of the copy, with all that depends on it, and reported.
 */

/** Objects below this were made with the server itself (PostgreSQL: src/include/access/transam.h, FirstNormalObjectId). */
const firstOwn = 16_384

/** Kinds of entries whose every object takes a superuser (PostgreSQL: "Notes" of each CREATE command). */
const kinds = [
  'ACCESS METHOD',
  'FOREIGN DATA WRAPPER',
  'OPERATOR CLASS',
  'OPERATOR FAMILY',
  'PROCEDURAL LANGUAGE',
  // Made for a base type, whose functions need its name.
  'SHELL TYPE',
  'TEXT SEARCH PARSER',
  'TEXT SEARCH TEMPLATE',
]

/** True when an entry of an archive, as `pg_restore --list` prints it after its numbers, is of a kind for superusers. */
export function isSuperuserKind(entry: string): boolean {
  return kinds.some(kind => entry.startsWith(`${kind} `))
}

/**
 * Lists the objects of the session's database that take a superuser though their kind does not, as an archive's table of
 * contents has them: number of the catalog, and of the object. Functions in a language that is not trusted, or that lie
 * beyond what their owner may set; aggregates with internal state; casts and operators without checks of their own; foreign
 * tables that read a file of the server. What an extension brings is created with it.
 */
export const listSuperuserOnly = `
  SELECT o.class::oid || ' ' || o.oid AS entry
    FROM (SELECT 'pg_catalog.pg_proc'::regclass AS class, p.oid
            FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
           WHERE p.prokind <> 'a'
             AND (NOT l.lanpltrusted OR p.proleakproof OR p.prosupport <> 0 OR EXISTS (
                  SELECT 1 FROM unnest(p.proconfig) AS setting(text) JOIN pg_catalog.pg_settings s
                      ON lower(s.name) = lower(split_part(setting.text, '=', 1)) WHERE s.context = 'superuser'))
          UNION ALL
          SELECT 'pg_catalog.pg_proc'::regclass, a.aggfnoid FROM pg_catalog.pg_aggregate a
           WHERE 'internal'::regtype IN (a.aggtranstype, a.aggmtranstype)
          UNION ALL
          SELECT 'pg_catalog.pg_cast'::regclass, c.oid FROM pg_catalog.pg_cast c WHERE c.castmethod = 'b'
          UNION ALL
          SELECT 'pg_catalog.pg_operator'::regclass, p.oid FROM pg_catalog.pg_operator p
           WHERE p.oprrest >= ${firstOwn} OR p.oprjoin >= ${firstOwn}
          UNION ALL
          SELECT 'pg_catalog.pg_class'::regclass, f.ftrelid FROM pg_catalog.pg_foreign_table f
           WHERE EXISTS (SELECT 1 FROM unnest(f.ftoptions) AS option(text) WHERE option.text ~ '^(filename|program)=')) o
   WHERE o.oid >= ${firstOwn} AND NOT EXISTS (
         SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
   ORDER BY o.class::oid, o.oid`
