import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runNpmScript } from '../../../shared/checks/code/npm-script.ts'
import { resolveChecks } from '../../../shared/config/checks.ts'
import { contextOf } from './context.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'npm-script-'))
  const dump = "require('node:fs').writeFileSync('seen.json', JSON.stringify(process.env))"
  writeFileSync(join(root, 'dump.cjs'), dump)
  writeFileSync(join(root, 'package.json'), JSON.stringify({ scripts: { test: 'node dump.cjs' } }))
})
afterEach(() => rmSync(root, { recursive: true }))

const canaries = {
  INPUT_KUBECONFIG: 'canary-1',
  GITHUB_TOKEN: 'canary-2',
  ACTIONS_RUNTIME_TOKEN: 'canary-3',
  SLACK_WEBHOOK_URL: 'canary-4',
  TEST_DATABASE_URL: 'postgres://test',
}

test("the service's own tests see no secret of the step, and what the runbook names", async () => {
  const checks = resolveChecks(key => key, { code: { variables: ['TEST_DATABASE_URL'] } })
  const env = { PATH: process.env['PATH'], HOME: root, ...canaries }
  const finding = await runNpmScript(contextOf({ root, checks }, { env }), 'test')
  expect(finding).toMatchObject({ result: 'pass' })
  const seen = readFileSync(join(root, 'seen.json'), 'utf8')
  expect(seen).not.toContain('canary')
  expect(JSON.parse(seen)).toMatchObject({ TEST_DATABASE_URL: 'postgres://test' })
})
