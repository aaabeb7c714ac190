import { expect, test } from '@jest/globals'
import { execFile, spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'

// A real process: what Node does of itself is what is kept from happening.

const strays = join(import.meta.dirname, '../../../shared/host/strays.ts')

const programOf = (body: string) => `
import { watchStrays, outliveReaders } from ${JSON.stringify(strays)}
outliveReaders([process.stdout, process.stderr])
const stray = watchStrays(process, line => process.stderr.write('x ' + line + '\\n'))
${body}`

function run(body: string): Promise<{ code: number; out: string; said: string }> {
  return new Promise(resolve => {
    const child = execFile(
      process.execPath,
      ['--input-type=module', '-e', programOf(body)],
      (error, out, said) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, said })
      },
    )
    if (body.includes('no reader')) child.stdout?.destroy()
  })
}
const later = `await new Promise(resolve => setTimeout(resolve, 50))`

test.each([
  ['a rejection', `Promise.reject(new Error('lost'))`],
  ['an exception in a callback', `setTimeout(() => { throw new Error('lost') }, 1)`],
])('%s that reaches no handler ends nothing, is reported, and makes the end a bug', async (_what, lose) => {
  const { code, out, said } = await run(
    `${lose}; ${later}; console.log('written down', stray.reason.cause.message)`,
  )
  expect({ code, out }).toEqual({ code: 70, out: 'written down lost\n' })
  expect(said).toMatch(/^x This error reached no handler: Error: lost\n +at /)
})

test('a process whose next event never comes does not end in silence', async () => {
  const { code, said } = await run(`await new Promise(() => undefined)`)
  expect(code).toBe(70)
  expect(said).toContain('x The work did not end: what it waited for never came.')
})

test('a process without a reader comes to its own end', async () => {
  const body = `/* no reader */ ${later}
for (let line = 0; line < 3; line++) { console.log('line'); await new Promise(setImmediate) }
console.error('done'); process.exitCode = 3`
  expect(await run(body)).toMatchObject({ code: 3, said: 'done\n' })
})

test('a process to which nothing happens ends as it would', async () => {
  expect(await run(`console.log('well')`)).toEqual({ code: 0, out: 'well\n', said: '' })
})

test('output that is redirected to a full disk keeps nothing from its own end', () => {
  const full = openSync('/dev/full', 'w')
  const { status } = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      programOf(`console.log('line'); ${later}; console.error('line'); ${later}; process.exitCode = 3`),
    ],
    { stdio: ['ignore', full, full] },
  )
  closeSync(full)
  expect(status).toBe(3)
})
