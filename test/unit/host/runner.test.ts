import { expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commandsIn } from './runner-parser.ts'

const runner = join(import.meta.dirname, '../../../shared/host/runner.ts')

test('files of the runner that cannot be written are warned of once each, and fail nothing', () => {
  const source = `
import { createRunner } from ${JSON.stringify(runner)}
const runner = createRunner()
runner.output('status', 'success')
runner.output('reason-code', 'done')
runner.saveState('outputs', '{}')
runner.summary('# well')
runner.log.info('the end')`
  const full = { GITHUB_OUTPUT: '/dev/full', GITHUB_STATE: '/dev/full', GITHUB_STEP_SUMMARY: '/dev/full' }
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', source], {
    env: { ...process.env, ...full },
    encoding: 'utf8',
  })
  const left = (what: string) =>
    `! ${what} cannot be written: ENOSPC: no space left on device, write. The work goes on.`
  expect(out.trim().split('\n')).toEqual([
    left('The outputs'),
    left('What the post step reads'),
    left('The job summary'),
    'the end',
  ])
})

test('the summary of a step stays below 1 MiB of UTF-8, over all of its parts, and ends with a whole character', () => {
  const source = `
import { createRunner } from ${JSON.stringify(runner)}
const runner = createRunner()
for (const part of ['한'.repeat(200_000), '😀'.repeat(200_000), 'a'.repeat(2_000)]) runner.summary(part)`
  const file = join(mkdtempSync(join(tmpdir(), 'runner-')), 'summary')
  execFileSync(process.execPath, ['--input-type=module', '-e', source], {
    env: { PATH: process.env['PATH'], GITHUB_STEP_SUMMARY: file },
  })
  const written = readFileSync(file)
  expect(written.length).toBeLessThanOrEqual(1024 * 1024)
  expect(written.length).toBeGreaterThan(1024 * 1024 - 2_048)
  const text = new TextDecoder('utf-8', { fatal: true }).decode(written)
  expect(text.startsWith('한'.repeat(200_000) + '😀')).toBe(true)
})

test('what others wrote is obeyed by no runner, wherever it is printed', () => {
  const hostile =
    'a ##[stop-commands]t\n\u0085::stop-commands::t\n ::Add-Mask::x\r::set-output name=a::b\n\u001b[2J::debug::\u2028::error::c'
  const source = `
import { createRunner } from ${JSON.stringify(runner)}
const runner = createRunner()
const hostile = ${JSON.stringify(hostile)}
for (const level of ['info', 'warn', 'error', 'debug']) runner.log[level](hostile)
await runner.log.group(hostile, async () => runner.log.info(hostile))
runner.annotate('error', hostile, hostile)
runner.output('outcome', hostile + '\\nEOF\\nother=1')`
  const outputs = join(mkdtempSync(join(tmpdir(), 'runner-')), 'outputs')
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', source], {
    env: { PATH: process.env['PATH'], GITHUB_OUTPUT: outputs },
    encoding: 'utf8',
  })
  // Its own commands, and no other; each is found by both ways of comparing.
  const names = commandsIn(out).map(({ name }) => name)
  expect([...new Set(names)]).toEqual(['debug', 'group', 'endgroup', 'error'])
  expect(names).toHaveLength(8)
  expect(out).not.toMatch(/[\u001b\u0085\u2028\r]/)
  const [head = '', ...rest] = readFileSync(outputs, 'utf8').split('\n')
  expect(rest.indexOf(head.slice('outcome<<'.length))).toBe(rest.length - 2)
})
