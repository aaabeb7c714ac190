import { expect, test } from '@jest/globals'
import { dumpKey, manifestKey, parseKey, parseStamp, stampOf } from '../../../shared/backup/storage/keys.ts'

const name = {
  service: 'runbook-api',
  environment: 'production',
  takenAt: Date.parse('2023-12-01T14:30:00Z'),
}
const key = '20231201/backup_20231201_143000_runbook-api_production.dump.zst'

test('a key bears the name that the guide gives, with service and environment', () => {
  expect(dumpKey(name, '.dump.zst')).toBe(key)
  expect(manifestKey(key)).toBe('20231201/backup_20231201_143000_runbook-api_production.json')
  expect(parseKey(key)).toEqual({ ...name, kind: 'dump' })
  expect(parseKey(manifestKey(key))).toEqual({ ...name, kind: 'manifest' })
  for (const extension of ['.dump.zst.age', '.dump.zst.gpg'] as const) {
    expect(parseKey(dumpKey(name, extension))).toEqual({ ...name, kind: 'dump' })
    expect(manifestKey(dumpKey(name, extension))).toBe(manifestKey(key))
  }
})

test.each([
  'backup_20231201_143000_runbook-api_production.dump.zst',
  '20231202/backup_20231201_143000_runbook-api_production.dump.zst',
  '20231301/backup_20231301_143000_runbook-api_production.dump.zst',
  '20230230/backup_20230230_143000_runbook-api_production.dump.zst',
  '20231201/backup_20231201_243000_runbook-api_production.dump.zst',
  '20231201/backup_20231201_143000_runbook-api.dump.zst',
  '20231201/backup_20231201_143000_runbook-api_production.dump.zst.part',
  '20231201/backup_20231201_143000_runbook-api_production.dump',
  '20231201/backup_20231201_143000_Runbook_production.sql',
  'x/20231201/backup_20231201_143000_runbook-api_production.dump.zst',
  '../20231201/backup_20231201_143000_runbook-api_production.dump.zst',
])('%s is not one of ours', foreign => {
  expect(parseKey(foreign)).toBeUndefined()
})

test('a stamp is read back as the second that it was written from', () => {
  expect(parseStamp(stampOf(name.takenAt + 999))).toBe(name.takenAt)
})
