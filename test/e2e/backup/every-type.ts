/**
 * A schema with what is known to be lost or changed by careless backups: every common type, values at their ends,
 * names that need quotes, partitions, generated columns, identity, large objects, policies, owners, inheritance.
 */
export const everyType = String.raw`
CREATE EXTENSION hstore;
CREATE EXTENSION citext;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s');
CREATE TYPE pair AS (x int, y text);
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE types (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  i2 smallint, i8 bigint, n numeric, m money, f4 real, f8 double precision, b boolean,
  t text, c char(5), v varchar(10), ci citext, bin bytea, u uuid,
  d date, ti time, tz timetz, ts timestamp, tstz timestamptz, iv interval,
  j json, jb jsonb, x xml, h hstore, ia int[], ta text[][], r int4range, mr datemultirange,
  e mood, p pair, po positive, ip inet, cd cidr, mac macaddr, bits bit varying, tv tsvector, pt point, box box, lsn pg_lsn,
  twice bigint GENERATED ALWAYS AS (i8 / 2) STORED, low text GENERATED ALWAYS AS (lower(t)) STORED);
INSERT INTO types (i2, i8, n, m, f4, f8, b, t, c, v, ci, bin, u, d, ti, tz, ts, tstz, iv, j, jb, x, h, ia, ta, r, mr, e, p, po, ip, cd, mac, bits, tv, pt, box, lsn) VALUES
 (-32768, 9223372036854775807, 'NaN', '-12.34', '-Infinity', 0.1, true, E'a\tb\n\\N ''"\u00e9\u4e2d\U0001f600 ' || repeat('x', 20000), 'ab', '', 'CaSe', '\x00ff5c', gen_random_uuid(),
  '0044-03-15 BC', '24:00', '23:59:59.999999+14', 'infinity', '2026-01-01 00:00:00.123456+09', '1 year -2 mons 3 days -04:05:06.789', '{"a" :  1, "a": 2}', '{"b": [1.10, null]}', '<a>&lt;</a>', 'k=>NULL, "a b"=>"c"', '{1,NULL,3}', '{{a,"b,c"},{NULL,""}}', '[1,10)', '{[2026-01-01,2026-02-01),[2026-03-01,)}',
  'it''s', ROW(NULL, ''), 1, '::1/64', '10.0.0.0/8', '08:00:2b:01:02:03', B'10101', to_tsvector('simple', 'the quick brown fox'), '(1.5,-2)', '((0,0),(1,1))', '16/B374D848'),
 (NULL, -9223372036854775808, 123456789012345678901234567890.123456789, NULL, 'NaN', -0.0, NULL, '', NULL, NULL, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{}', NULL, 'empty', '{}', NULL, NULL, NULL, NULL, NULL, NULL, '', NULL, NULL, NULL, NULL);
CREATE SCHEMA "Odd ""schema"" é; DROP";
CREATE TABLE "Odd ""schema"" é; DROP"."table 'with' \ everything" ("select" int, whole_row text, "Col ""umn""" text);
INSERT INTO "Odd ""schema"" é; DROP"."table 'with' \ everything" VALUES (1, 'a', 'b'), (1, 'a', 'b'), (2, NULL, '');
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE events (at date NOT NULL, kind mood, what text) PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY HASH (kind);
CREATE TABLE events_2026_a PARTITION OF events_2026 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE events_2026_b PARTITION OF events_2026 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO events SELECT date '2025-06-01' + i, (ARRAY['sad', 'ok', 'it''s']::mood[])[i % 3 + 1], 'event ' || i FROM generate_series(1, 500) i;
CREATE TABLE parent (a int);
CREATE TABLE child (b int) INHERITS (parent);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (2, 3);
CREATE UNLOGGED TABLE volatile_rows AS SELECT 7 AS lucky;
CREATE SEQUENCE down INCREMENT -3 MINVALUE -100 MAXVALUE 50 START 50;
SELECT nextval('down'), nextval('down');
CREATE SEQUENCE set_back; SELECT setval('set_back', 41, false);
CREATE TABLE orders (id serial PRIMARY KEY, type_id bigint REFERENCES types, note text);
INSERT INTO orders (type_id, note) SELECT 1 + i % 2, 'n' || i FROM generate_series(1, 1000) i;
CREATE INDEX ON orders (lower(note));
CREATE VIEW newest AS SELECT * FROM orders ORDER BY id DESC LIMIT 10;
CREATE MATERIALIZED VIEW counts AS SELECT type_id, count(*) FROM orders GROUP BY 1;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''triggers must not fire in a restore''; END';
CREATE TRIGGER never BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON orders TO PUBLIC USING (id > 5);
SELECT lo_from_bytea(4711, decode(repeat('00ff10', 400000), 'hex'));
SELECT lo_create(4712);
COMMENT ON TABLE orders IS 'it''s commented';
`
