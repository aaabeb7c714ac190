import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { database } from '../../../shared/checks/database.ts'
import { runChecks } from '../../../shared/checks/run.ts'
import { createDatabase, dropDatabase, openLab } from '../../lab/lab.ts'
import { ask, contextWith } from './context.ts'

const lab = openLab()
const name = `e2e_checks_${process.pid}`
const role = `e2e_checks_role_${process.pid}`
let url: URL

beforeAll(async () => {
  url = new URL(await createDatabase(lab, name))
  await sql(`CREATE ROLE ${role} LOGIN PASSWORD 'plain' CONNECTION LIMIT 3`)
})
afterAll(async () => {
  await dropDatabase(lab, name)
  await sql(`DROP ROLE ${role}`)
})

async function sql(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: lab.postgres.url })
  await client.connect()
  await client.query(statement).finally(() => client.end())
}

/** The lab's URL with something else in it. */
function but(change: (url: URL) => void): string {
  const changed = new URL(url)
  change(changed)
  return changed.href
}

const check = (DATABASE_URL: string) => ask(database, { DATABASE_URL })

describe('the database check', () => {
  test('passes, and says which server it is and how many connections are left', async () => {
    const { result, finding } = await check(url.href)
    expect(result).toBe('pass')
    expect(finding).toMatch(
      new RegExp(`^PostgreSQL 1\\d\\.\\d+.* at 127.0.0.1:\\d+/${name}, .* \\d+ connections left$`),
    )
  })

  test.each([
    ['a wrong password', (to: URL) => (to.password = 'wrong'), /password authentication failed/, /password/],
    ['a database that is not there', (to: URL) => (to.pathname = '/nope'), /does not exist/, /nope/],
    ['nobody at the port', (to: URL) => (to.port = '1'), /ECONNREFUSED/, /server runs/],
  ])('fails for %s, says so, and how to leave it out', async (_what, change, finding, remedy) => {
    const failing = check(but(change))
    await expect(failing).rejects.toMatchObject({
      message: expect.stringMatching(finding),
      hint: expect.stringMatching(remedy),
    })
    await expect(failing).rejects.toMatchObject({ hint: expect.stringContaining('add database to skip') })
    await expect(failing).rejects.not.toThrow(lab.postgres.password)
  })

  test('warns when few connections are left, and fails when none is', async () => {
    const asRole = but(to => {
      to.username = role
      to.password = 'plain'
    })
    expect(await check(asRole)).toMatchObject({ result: 'warn', finding: expect.stringContaining('only 2') })
    const others = await Promise.all(
      [1, 2, 3].map(async () => {
        const client = new pg.Client({ connectionString: asRole })
        await client.connect()
        return client
      }),
    )
    try {
      await expect(check(asRole)).rejects.toThrow('too many connections for role')
    } finally {
      await Promise.all(others.map(client => client.end()))
    }
  })

  test('fails for a database that takes no writes, and passes once the remedy was followed', async () => {
    await sql(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
    expect(await check(url.href)).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('read-only'),
    })
    await sql(`ALTER DATABASE ${name} SET default_transaction_read_only = off`)
    expect((await check(url.href)).result).toBe('pass')
  })

  test('ends at its deadline where packets are dropped', async () => {
    // TEST-NET-1 of RFC 5737: nobody is ever there.
    const context = contextWith({ DATABASE_URL: 'postgres://me:secret@192.0.2.1:5432/api' })
    const [report] = await runChecks([database], context, 300)
    expect(report?.result).toBe('fail')
    expect(report?.ms).toBeLessThan(1_000)
  })
})
