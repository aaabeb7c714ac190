import { expect, test } from '@jest/globals'
import { logFile } from '../../../shared/report/files.ts'

test('a log is named as the guide names it, and with no colon, which artifacts of GitHub refuse', () => {
  const at = Date.UTC(2026, 10, 23, 12)
  expect(logFile('/repo', 'deploy', 'production', at)).toBe(
    '/repo/deployment/logs/deploy_production_20261123.log',
  )
  expect(logFile('/repo', 'env:encrypt', 'production', at)).toBe(
    '/repo/deployment/logs/env-encrypt_production_20261123.log',
  )
})
