import { expect, test } from '@jest/globals'
import { choosePrograms } from '../../../shared/backup/dump/find-programs.ts'
import type { Programs } from '../../../shared/backup/dump/programs.ts'

const programs = (version: string, server = false): Programs => ({
  major: Number.parseInt(version),
  version,
  launcher: [],
  pgDump: `/pg/${version}/pg_dump`,
  pgRestore: `/pg/${version}/pg_restore`,
  image: undefined,
  server: server ? { initdb: 'initdb', postgres: 'postgres' } : undefined,
})

test.each([
  ["the server's own version before a newer one", ['17.2', '15.3', '16.1'], 15, '15.3'],
  ['the nearest newer one', ['18.0', '14.9', '17.2'], 16, '17.2'],
  ['the newest of one version', ['16.9', '16.10'], 16, '16.10'],
  ['never an older one', ['14.9', '15.3'], 16, undefined],
])('%s', (_what, found, server, expected) => {
  expect(
    choosePrograms(
      found.map(version => programs(version)),
      server,
    )?.version,
  ).toBe(expected)
})

test('one with server programs beside it is preferred: it can verify', () => {
  expect(choosePrograms([programs('16.10'), programs('16.4', true)], 16)?.version).toBe('16.4')
})
