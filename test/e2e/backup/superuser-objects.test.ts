import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openScene, succeeded, type Scene } from './scene.ts'

/* Databases in which a superuser made what no other role can: good ones, of which a copy without superuser lacks a part. */

let scene: Scene
beforeAll(async () => {
  scene = await openScene()
})
afterAll(() => scene.close())

const objects = `
CREATE EXTENSION hstore;
CREATE SCHEMA ext;
CREATE EXTENSION cube SCHEMA ext;
CREATE EXTENSION earthdistance SCHEMA ext;
CREATE EXTENSION pg_stat_statements;
CREATE EXTENSION file_fdw;
CREATE FUNCTION key_in_c() RETURNS trigger AS '$libdir/refint', 'check_primary_key' LANGUAGE C;
CREATE TYPE money2;
CREATE FUNCTION money2_in(cstring) RETURNS money2 AS 'int4in' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION money2_out(money2) RETURNS cstring AS 'int4out' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE money2 (INPUT = money2_in, OUTPUT = money2_out, LIKE = int4);
CREATE CAST (money2 AS int4) WITHOUT FUNCTION;
CREATE TABLE prices (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, price money2);
INSERT INTO prices (price) VALUES ('7');
CREATE VIEW priced AS SELECT * FROM prices;
CREATE TABLE orders (id int PRIMARY KEY, kv hstore, at ext.cube);
INSERT INTO orders VALUES (1, 'a=>1', '(1, 2)');
CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION key_in_c('id', 'orders', 'id');
CREATE FUNCTION sealed(int) RETURNS bool LANGUAGE sql IMMUTABLE LEAKPROOF AS 'SELECT $1 > 0';
CREATE FUNCTION as_replica() RETURNS void LANGUAGE plpgsql SET session_replication_role = replica AS 'BEGIN END';
CREATE AGGREGATE total(numeric) (SFUNC = numeric_avg_accum, STYPE = internal, FINALFUNC = numeric_avg);
CREATE OPERATOR CLASS reverse FOR TYPE int4 USING btree AS OPERATOR 1 >, OPERATOR 3 =, OPERATOR 5 <, FUNCTION 1 btint4cmp(int4, int4);
CREATE INDEX backwards ON orders (id reverse);
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE users (line text) SERVER files OPTIONS (filename '/etc/passwd');
CREATE VIEW readers AS SELECT * FROM users;
CREATE PUBLICATION everything FOR ALL TABLES`

test.each(['restore', 'same-server'])(
  'with verify: %s what takes a superuser is left out of the copy and named, the rest is compared',
  async verify => {
    if (verify === 'restore') await scene.sql(objects)
    const outcome = succeeded(await scene.backUp({ verify }))
    const found = (subject: string) => outcome.evidence.find(each => each.subject === subject)
    expect(found('verified')).toMatchObject({ tone: 'warn' })
    expect(found('verified')?.finding).toContain('all but 1 tables')
    expect(found('not compared')).toMatchObject({ tone: 'warn' })
    expect(found('not compared')?.finding).toMatch(/^public\.prices: /)
    for (const name of [
      ...['function public.key_in_c()', 'type public.money2', 'cast CAST (public.money2 AS integer)'],
      ...['view public.priced', 'function public.sealed(integer)', 'function public.as_replica()'],
      ...['aggregate public.total(numeric)', 'operator class public.reverse', 'foreign table public.users'],
      ...['view public.readers', 'index public.backwards', 'trigger public.orders t'],
    ])
      expect(found('not in the copy')?.finding).toContain(name)
    expect(found('left out')?.finding).toContain('publication everything')
  },
  60_000,
)

test('a view that reads a file of the server is refused, and what to do is said', async () => {
  await scene.sql(`CREATE MATERIALIZED VIEW host AS SELECT pg_read_file('/etc/hostname')`)
  const outcome = await scene.backUp()
  expect(outcome).toMatchObject({ status: 'failure', reason: 'backup-unverified', outputs: {} })
  expect(outcome.summary).toContain('permission denied for function pg_read_file')
  expect(outcome.next).toContain('without the rights of a superuser')
})
