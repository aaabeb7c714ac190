import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { envFile } from '../../../shared/checks/environment/env-file.ts'
import { environmentAt } from '../gate/ports.ts'
import { ask, makeFolder } from './context.ts'

let folder: ReturnType<typeof makeFolder>
beforeEach(() => {
  folder = makeFolder()
  execFileSync('git', ['init', '-q', folder.path])
})
afterEach(() => folder.remove())

function check(text: string, mode: number, env: Record<string, string> = {}) {
  const file = join(folder.path, '.env')
  writeFileSync(file, text)
  chmodSync(file, mode)
  const environment = environmentAt('', { root: folder.path, envFile: '.env', requires: ['TOKEN'] })
  return ask(envFile, { TOKEN: 'x' }, { environment, env: { ...process.env, ...env } })
}

describe('the env-file check', () => {
  test('passes for a file that is whole and kept from others', async () => {
    expect(await check('TOKEN=x', 0o600)).toMatchObject({
      result: 'pass',
      finding: '1 keys, none of the 1 required missing',
    })
  })

  test('fails with every fault and its line', async () => {
    expect(await check('A=1\nA=2\nKEY=CHANGE_THIS', 0o600)).toMatchObject({
      result: 'fail',
      finding: '.env TOKEN is missing, and 2 more',
      detail: expect.stringContaining('.env:3 KEY still has its placeholder'),
    })
  })

  test('fails when others can read it, until the remedy was followed', async () => {
    const { result, remedy } = await check('TOKEN=x', 0o644)
    expect(result).toBe('fail')
    const [, ...command] = /chmod (600) (\.env)/.exec(remedy) ?? []
    execFileSync('chmod', command, { cwd: folder.path })
    expect((await check('TOKEN=x', 0o600)).result).toBe('pass')
  })

  test('fails when it is in git, until the remedy was followed', async () => {
    const git = (...args: string[]) => execFileSync('git', ['-C', folder.path, ...args])
    writeFileSync(join(folder.path, '.env'), 'TOKEN=x')
    git('add', '.env')
    const { result, remedy } = await check('TOKEN=x', 0o600)
    expect(result).toBe('fail')
    expect(remedy).toContain('git rm --cached .env')
    git('rm', '-q', '--cached', '.env')
    expect((await check('TOKEN=x', 0o600)).result).toBe('pass')
  })

  test('warns when git does not say, as of a checkout of another user, until the remedy was followed', async () => {
    const home = { HOME: folder.path, GIT_CONFIG_NOSYSTEM: '1', GIT_TEST_ASSUME_DIFFERENT_OWNER: '1' }
    const found = await check('TOKEN=x', 0o600, home)
    expect(found).toMatchObject({
      result: 'warn',
      finding: expect.stringContaining(
        'does not tell whether it has .env: fatal: detected dubious ownership',
      ),
    })
    const [, ...command] = /git (config .*) (\S+) (\S+)$/.exec(found.remedy) ?? []
    const [config = '', ...rest] = command
    execFileSync('git', [...config.split(' '), ...rest], { env: { ...process.env, ...home } })
    expect(await check('TOKEN=x', 0o600, home)).toMatchObject({ result: 'pass' })
    rmSync(join(folder.path, '.git'), { recursive: true })
    expect(await check('TOKEN=x', 0o600, home)).toMatchObject({ result: 'pass' })
  })
})
