import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// What the guide's scripts make of their arguments, in a repository whose `runbook` only says what it was told.

let root = ''
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'scripts-'))
  cpSync(join(import.meta.dirname, '../../deployment/scripts'), join(root, 'deployment/scripts'), {
    recursive: true,
  })
  mkdirSync(join(root, 'script'))
  writeFileSync(join(root, 'script/runbook'), '#!/bin/sh\nprintf "%s|" "$@"\n', { mode: 0o755 })
})
afterAll(() => rmSync(root, { recursive: true }))

test.each([
  ['pre-deploy', [], 'pre-deploy-check|production|'],
  [
    'pre-deploy',
    ['staging', '--skip', 'redis: moves on Friday'],
    'pre-deploy-check|staging|--skip|redis: moves on Friday|',
  ],
  ['pre-deploy', ['--image', 'api:v1'], 'pre-deploy-check|production|--image|api:v1|'],
  ['backup-db', ['--dry-run'], 'backup-db|production|--dry-run|'],
  ['env-encrypt', [], 'env:encrypt|production|'],
  ['env-decrypt', ['staging'], 'env:decrypt|staging|'],
  ['health-check', ['--watch'], 'health-check|development|--watch|'],
  ['health-check', ['production'], 'health-check|production|'],
  ['monitoring-setup', ['--dry-run'], 'monitoring:setup|production|--dry-run|'],
  ['smoke-test', ['-n', '1000', '-c', '10'], 'smoke-test|staging|-n|1000|-c|10|'],
  ['restore-db', ['backup_20231201_143000'], 'restore-db|production|backup_20231201_143000|'],
  ['rollback', ['production', '3', '--with-db'], 'rollback|production|3|--with-db|'],
])('%s.sh %j', (script, words, told) => {
  const { stdout, status } = spawnSync(join(root, `deployment/scripts/${script}.sh`), words, {
    encoding: 'utf8',
  })
  expect({ stdout, status }).toEqual({ stdout: told, status: 0 })
})
