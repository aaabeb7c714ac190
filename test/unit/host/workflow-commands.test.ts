import { afterAll, describe, expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { createWorkflowCommands } from '../../../shared/host/workflow-commands.ts'

const folder = mkdtempSync(join(tmpdir(), 'commands-'))
afterAll(() => rmSync(folder, { recursive: true }))

function commands() {
  const written: string[] = []
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString())
      done()
    },
  })
  const env = { GITHUB_OUTPUT: join(folder, 'output') }
  return { written, say: createWorkflowCommands(env, stdout) }
}

describe('workflow commands', () => {
  test('keep a message in its place, whatever it holds', () => {
    const { written, say } = commands()
    say.command('error', { title: 'a:b,c' }, '100%\n::set-output name=x::y')
    expect(written).toEqual(['::error title=a%3Ab%2Cc::100%25%0A::set-output name=x::y\n'])
  })

  test('keep a value whole, between delimiters that it cannot guess', () => {
    commands().say.assign('GITHUB_OUTPUT', 'outcome', 'one\nEOF\ntwo')
    const [first, ...rest] = readFileSync(join(folder, 'output'), 'utf8').split('\n')
    const delimiter = /^outcome<<(ghadelimiter_[0-9a-f-]{36})$/.exec(first ?? '')?.[1]
    expect(delimiter).toBeDefined()
    expect(rest).toEqual(['one', 'EOF', 'two', delimiter, ''])
  })

  test('say nothing where there is no runner', () => {
    expect(() => commands().say.assign('GITHUB_STATE', 'x', 'y')).not.toThrow()
  })
})
