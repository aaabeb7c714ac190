import { expect, test } from '@jest/globals'
import { createRolesSql, withoutLogin, type Role } from '../../../shared/backup/roles.ts'

test('roles that a server lacks are made as they were, without passwords, and then join their groups', () => {
  const known = [
    { name: 'app', options: 'NOSUPERUSER LOGIN', memberOf: ['writers', 'odd "name"'] },
    { name: 'writers', options: 'NOSUPERUSER NOLOGIN', memberOf: [] },
  ]
  expect(createRolesSql(known, ['app', 'old', 'here'], ['here', 'odd "name"'])).toBe(
    'CREATE ROLE "app" NOSUPERUSER LOGIN; CREATE ROLE "writers" NOSUPERUSER NOLOGIN; CREATE ROLE "old" NOLOGIN; GRANT "writers" TO "app"; GRANT "odd ""name""" TO "app"',
  )
})

test('on a server that is thrown away roles have their attributes, and cannot log in', () => {
  const known: Role[] = [
    {
      name: 'cdc',
      options: `SUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 3 VALID UNTIL '2026-01-01 00:00:00+00'`,
      memberOf: ['readers'],
    },
    {
      name: 'readers',
      options: 'NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB NOLOGIN NOREPLICATION BYPASSRLS',
      memberOf: [],
    },
  ]
  expect(withoutLogin(known)).toEqual([
    {
      name: 'cdc',
      options:
        'SUPERUSER INHERIT NOCREATEROLE NOCREATEDB NOLOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 3',
      memberOf: ['readers'],
    },
    known[1],
  ])
})
