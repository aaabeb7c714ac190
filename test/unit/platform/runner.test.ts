import { expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const runner = join(import.meta.dirname, '../../../shared/platform/runner.ts')

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
