import { expect, test } from '@jest/globals'
import { createRolesSql } from '../../../shared/backup/restore/roles.ts'

test('roles that a server lacks are made as they were, without passwords, and then join their groups', () => {
  const known = [
    { name: 'app', options: 'NOSUPERUSER LOGIN', memberOf: ['writers', 'odd "name"'] },
    { name: 'writers', options: 'NOSUPERUSER NOLOGIN', memberOf: [] },
  ]
  expect(createRolesSql(known, ['app', 'old', 'here'], ['here', 'odd "name"'])).toBe(
    'CREATE ROLE "app" NOSUPERUSER LOGIN; CREATE ROLE "writers" NOSUPERUSER NOLOGIN; CREATE ROLE "old" NOLOGIN; GRANT "writers" TO "app"; GRANT "odd ""name""" TO "app"',
  )
})
