import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { smokeTest, smokeTestFields } from '../../../shared/commands/verify/smoke-test.ts'
import { environmentAt, realPorts } from '../../e2e/gate/ports.ts'
import { logTo } from '../../log.ts'
import { one, openStage, type Stage } from '../smoke/stage.ts'

let stage: Stage
let root: string
let asked = 0
beforeEach(async () => {
  stage = await openStage()
  root = mkdtempSync(join(tmpdir(), 'smoke-report-'))
  writeFileSync(join(root, 'suite.yml'), one)
  asked = 0
  stage.handle = (_, response) => {
    asked += 1
    response.end('{}')
  }
})
afterEach(() => {
  stage.close()
  rmSync(root, { recursive: true })
})

function smoke(junit: string, log = logTo(() => undefined)) {
  const given: Record<string, string> = { environment: 'staging', suite: 'suite.yml', requests: '0', junit }
  const inputs = parseInputs(smokeTestFields, key => given[key] ?? '')
  return smokeTest(environmentAt(stage.url, { root }), inputs, realPorts({ log }))
}

test('a path at which no report can be written is refused before anything is sent', async () => {
  mkdirSync(join(root, 'taken'))
  const outcome = await smoke('taken')
  expect(outcome).toMatchObject({ status: 'failure', reason: 'input-invalid' })
  expect(outcome.summary).toContain('junit: taken cannot be written')
  expect(asked).toBe(0)
})

test('a report that cannot be written in the end decides nothing', async () => {
  const logged: string[] = []
  stage.handle = (_, response) => {
    mkdirSync(join(root, 'reports/smoke.xml'))
    response.end('{}')
  }
  const log = logTo(line => void logged.push(line))
  expect(await smoke('reports/smoke.xml', log)).toMatchObject({ status: 'success', outputs: { passed: '1' } })
  expect(logged).toContainEqual(expect.stringContaining('The JUnit XML cannot be written: '))
})

test('a report is there when the smoke test has ended, and not before', async () => {
  const file = join(root, 'reports/smoke.xml')
  let early = true
  stage.handle = (_, response) => {
    early = existsSync(file)
    response.end('{}')
  }
  await smoke('reports/smoke.xml')
  expect(early).toBe(false)
  expect(readFileSync(file, 'utf8')).toContain('tests="1" failures="0"')
})
