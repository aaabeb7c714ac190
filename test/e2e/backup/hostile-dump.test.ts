import { readdir } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openScene, succeeded, type Scene } from './scene.ts'

/*
 * A role that owns tables and has no other right plants code wherever PostgreSQL runs code of a table, a type or a view
 * while a dump is restored or compared. It tries to reach the machine; when an attempt succeeds, it fails loudly.
 */

let scene: Scene
let owner: string
beforeAll(async () => {
  scene = await openScene()
  owner = scene.database.replaceAll('-', '_')
  await scene.sql(`CREATE EXTENSION dblink; CREATE EXTENSION hstore; CREATE ROLE ${owner} NOLOGIN;
    GRANT CREATE ON SCHEMA public TO ${owner}`)
  await scene.sql(`SET ROLE ${owner}; ${attack}; ${everywhere}`)
  // Not the attacker's own: code that a superuser left, and that the attacker's table makes run.
  await scene.sql(`CREATE FUNCTION note_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.attack(''event trigger''); END';
    CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION note_ddl();
    ALTER EVENT TRIGGER watch ENABLE ALWAYS`)
})
afterAll(async () => {
  await scene.close()
  const admin = await openScene()
  await admin.sql(`DROP ROLE IF EXISTS ${owner}`)
  await admin.close()
})

/** What is tried, each as one statement. */
const attempts = [
  `COPY public.loot FROM PROGRAM 'cat /proc/*/environ'`,
  `COPY public.loot FROM '/proc/self/environ'`,
  `COPY public.loot TO PROGRAM 'cat > /tmp/loot'`,
  `COPY public.loot TO '/tmp/loot'`,
  `SELECT pg_catalog.pg_read_file('/proc/self/environ')`,
  `SELECT pg_catalog.pg_read_binary_file('/etc/passwd')`,
  `SELECT pg_catalog.pg_ls_dir('/')`,
  `SELECT pg_catalog.pg_stat_file('/etc/passwd')`,
  `SELECT pg_catalog.lo_import('/etc/passwd')`,
  `SELECT pg_catalog.lo_export(1, '/tmp/loot')`,
  `SELECT public.dblink_connect('out', 'host=127.0.0.1 user=postgres dbname=postgres')`,
  `SELECT public.dblink_connect('own', 'host=/socket user=postgres dbname=postgres')`,
  `SELECT public.dblink_connect_u('own', 'host=/socket user=postgres dbname=postgres')`,
  `CREATE FUNCTION public.run(cstring) RETURNS int LANGUAGE c AS 'libc.so.6', 'system'`,
  `CREATE FUNCTION public.run(cstring) RETURNS int LANGUAGE internal AS 'pg_read_file_all'`,
  `CREATE TYPE public.shell`,
  `UPDATE pg_catalog.pg_language SET lanpltrusted = true`,
  `UPDATE pg_catalog.pg_proc SET proacl = NULL`,
  `CREATE EXTENSION file_fdw`,
  `LOAD '/tmp/loot.so'`,
  `SET ROLE postgres`,
  `SET SESSION AUTHORIZATION postgres`,
  `CREATE ROLE loot SUPERUSER`,
  `ALTER ROLE CURRENT_USER SUPERUSER`,
  `GRANT pg_execute_server_program TO CURRENT_USER`,
  `CREATE EVENT TRIGGER loot ON ddl_command_end EXECUTE FUNCTION public.loot()`,
  `CREATE SUBSCRIPTION loot CONNECTION 'host=127.0.0.1' PUBLICATION p`,
  `SELECT pg_catalog.set_config('archive_command', 'cat', false)`,
  `SELECT pg_catalog.set_config('session_replication_role', 'replica', false)`,
  `SELECT pg_catalog.pg_reload_conf()`,
  `SELECT rolpassword FROM pg_catalog.pg_authid`,
]

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`

/** In the live database it does nothing; elsewhere it tries everything, and fails only where something was possible. */
const attack = `
CREATE TABLE loot (line text);
CREATE FUNCTION attack(place text, id int DEFAULT 0) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $attack$
DECLARE
  attempt text;
  worked boolean;
BEGIN
  IF pg_catalog.current_database() NOT LIKE 'runbook\\_verify\\_%' THEN RETURN true; END IF;
  IF pg_catalog.current_setting('is_superuser') = 'on' THEN RAISE EXCEPTION 'ATTACK as a superuser in %', place; END IF;
  FOREACH attempt IN ARRAY ARRAY[${attempts.map(literal).join(', ')}] LOOP
    worked := false;
    BEGIN
      EXECUTE attempt;
      worked := true;
    EXCEPTION WHEN OTHERS THEN
    END;
    IF worked THEN RAISE EXCEPTION 'ATTACK worked in %: %', place, attempt; END IF;
  END LOOP;
  RETURN true;
END $attack$`

/** Wherever a restore, or a comparison, runs code. */
const everywhere = `
CREATE TABLE checked (id int CHECK (attack('check', id)));
INSERT INTO checked VALUES (1);
CREATE DOMAIN careful AS int CHECK (attack('domain'));
CREATE TABLE domains (id careful);
INSERT INTO domains VALUES (1);
CREATE TABLE defaults (id int, ok boolean DEFAULT attack('default'));
INSERT INTO defaults (id) VALUES (1);
CREATE TABLE generated (id int, ok boolean GENERATED ALWAYS AS (attack('generated', id)) STORED);
INSERT INTO generated VALUES (1);
CREATE TABLE indexed (id int);
INSERT INTO indexed VALUES (1);
CREATE INDEX ON indexed ((attack('index', id)));
CREATE INDEX ON indexed (id) WHERE attack('predicate', id);
CREATE TABLE excluded (id int, EXCLUDE USING btree ((attack('exclusion', id)::text) WITH =));
INSERT INTO excluded VALUES (1);
CREATE TABLE parts (id int) PARTITION BY LIST ((attack('partition key', id)));
CREATE TABLE part PARTITION OF parts FOR VALUES IN (true);
INSERT INTO parts VALUES (1);
CREATE TABLE triggered (id int);
CREATE FUNCTION on_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.attack(''trigger''); RETURN NEW; END';
CREATE TRIGGER t BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION on_row();
ALTER TABLE triggered ENABLE ALWAYS TRIGGER t;
INSERT INTO triggered VALUES (1);
CREATE TABLE ruled (id int);
CREATE RULE r AS ON INSERT TO ruled DO ALSO SELECT attack('rule');
INSERT INTO ruled VALUES (1);
CREATE TABLE secured (id int);
INSERT INTO secured VALUES (1);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON secured USING (attack('policy', id));
CREATE MATERIALIZED VIEW viewed AS SELECT attack('materialized view') AS ok;
CREATE TABLE keyed (id int PRIMARY KEY CHECK (attack('key', id)));
CREATE TABLE referring (id int REFERENCES keyed);
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE FUNCTION mood_text(mood) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
  RAISE EXCEPTION 'ATTACK in a cast, as %', current_user;
END $$;
CREATE CAST (mood AS text) WITH FUNCTION mood_text(mood) AS ASSIGNMENT;
CREATE DOMAIN moods AS mood;
CREATE TABLE cast_ (id int, mood mood, other moods);
INSERT INTO cast_ VALUES (1, 'glad', 'sad'), (2, NULL, NULL);
CREATE TABLE stored (kv hstore);
INSERT INTO stored VALUES ('a=>1')`

const roles = () =>
  scene.sql(`SELECT rolname FROM pg_roles WHERE rolname LIKE 'runbook_verify_%'`, 'postgres')

test('no code of a dump reaches the machine where it is verified: temporary server, same server, drill', async () => {
  for (const verify of ['restore', 'same-server']) {
    const outcome = succeeded(await scene.backUp({ verify }))
    expect(outcome.outputs['verified']).toBe('true')
    expect(JSON.stringify(outcome.evidence)).toContain('event trigger watch')
  }
  succeeded(await scene.restore({ into: 'scratch', backup: 'latest' }))
  const inThere = scene.url.replace(/[^/]*$/, 'postgres')
  succeeded(await scene.restore({ into: 'scratch', backup: 'latest', 'verify-url': inThere }))
  expect(await roles()).toEqual([])
  expect((await readdir(scene.folder)).filter(name => name.startsWith('runbook-verify-'))).toEqual([])
})

test('code of the dump does run there, as a role without rights', async () => {
  await scene.sql(`SET ROLE ${owner};
    CREATE TABLE last (id int CHECK (attack('last', id)));
    INSERT INTO last VALUES (1);
    CREATE OR REPLACE FUNCTION attack(place text, id int DEFAULT 0) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
      IF pg_catalog.current_database() NOT LIKE 'runbook\\_verify\\_%' THEN RETURN true; END IF;
      RAISE EXCEPTION 'runs in % as a superuser: %', place, pg_catalog.current_setting('is_superuser');
    END $$`)
  for (const verify of ['restore', 'same-server']) {
    const outcome = await scene.backUp({ verify })
    expect(outcome).toMatchObject({ status: 'failure', reason: 'backup-unverified', outputs: {} })
    expect(outcome.summary).toMatch(/runs in [a-z ]+ as a superuser: off/)
  }
  expect(await roles()).toEqual([])
})
