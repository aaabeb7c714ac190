import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { openLab } from '../../lab/lab.ts'
import { sql, startPostgres, type OwnPostgres } from '../checks/own-postgres.ts'
import { openScene, succeeded, type Scene } from './scene.ts'

/* Partitioned tables that take more locks than a server with few of them has. */

let roomy: OwnPostgres
let narrow: OwnPostgres
let scene: Scene
let url: string
beforeAll(async () => {
  const { binDir } = openLab().postgres
  roomy = await startPostgres(binDir)
  narrow = await startPostgres(binDir, ['max_locks_per_transaction=10', 'max_connections=20'])
})
afterAll(async () => {
  await roomy.stop()
  await narrow.stop()
})
beforeEach(async () => {
  scene = await openScene()
  url = roomy.primary
})
afterEach(() => scene.close())

const calls = `
  CREATE TABLE calls (id bigint, at int NOT NULL, a int, b int, c int, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE INDEX ON calls (a); CREATE INDEX ON calls (b); CREATE INDEX ON calls (c); CREATE INDEX ON calls (a, b);
  CREATE INDEX ON calls (b, c); CREATE INDEX ON calls (a, c);
  DO $$ BEGIN FOR n IN 1..250 LOOP
    EXECUTE format('CREATE TABLE calls_%s PARTITION OF calls FOR VALUES FROM (%s) TO (%s)', n, n, n + 1);
  END LOOP; END $$;
  INSERT INTO calls SELECT g, g % 250 + 1, g % 97, g % 89, g % 7 FROM generate_series(1, 1000) g;
  CREATE TABLE notes (id bigint, at int, FOREIGN KEY (id, at) REFERENCES calls);
  INSERT INTO notes VALUES (1, 2);
  CREATE MATERIALIZED VIEW totals AS SELECT at, count(*) FROM calls GROUP BY 1`

test('a table with many partitions is verified on the temporary server; another one that is too narrow is named', async () => {
  await sql(url, calls)
  const outcome = succeeded(await scene.backUp({ 'database-url': url }))
  expect(outcome.outputs['verified']).toBe('true')

  const refused = await scene.backUp({ 'database-url': url, 'verify-url': narrow.primary })
  expect(refused).toMatchObject({ status: 'failure', reason: 'backup-unverified' })
  expect(refused.next).toContain(
    `max_locks_per_transaction of the server 127.0.0.1:${new URL(narrow.primary).port}`,
  )
  expect(refused.next).toContain('without verify-url')
})

test('reading a database takes locks of one table at a time from the server that serves', async () => {
  // More relations than the narrow server can lock at once: about 20 * 10 and the server's own reserve.
  await sql(
    narrow.primary,
    `CREATE PROCEDURE make() LANGUAGE plpgsql AS $$ BEGIN FOR n IN 1..400 LOOP
       EXECUTE format('CREATE TABLE t%s (a int PRIMARY KEY, b int UNIQUE, c int UNIQUE, d int UNIQUE, e int UNIQUE)', n); COMMIT;
     END LOOP; END $$`,
  )
  await sql(narrow.primary, 'CALL make()')
  succeeded(await scene.backUp({ 'database-url': narrow.primary }))
})
