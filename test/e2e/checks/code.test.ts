import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { audit } from '../../../shared/checks/code/audit.ts'
import type { Check } from '../../../shared/checks/check.ts'
import { lint } from '../../../shared/checks/code/linter.ts'
import { tests } from '../../../shared/checks/code/tests.ts'
import { resolveChecks } from '../../../shared/config/checks.ts'
import { environmentAt } from '../gate/ports.ts'
import { ask, makeFolder } from './context.ts'

let folder: ReturnType<typeof makeFolder>
let registry: Server
beforeEach(async () => {
  folder = makeFolder()
  mkdirSync(join(folder.path, 'app'))
  registry = createServer((request, response) => {
    // npm itself compares versions: what it is told is which are vulnerable, as the registry's bulk advisories are.
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(request.method === 'POST' ? { lodash: [advisory] } : packument))
  }).listen(0, '127.0.0.1')
  await once(registry, 'listening')
})
afterEach(() => {
  registry.close()
  registry.closeAllConnections()
  folder.remove()
})

const advisory = {
  id: 1094499,
  url: 'https://github.com/advisories/GHSA-35jh-r3h4-6jhm',
  title: 'Command Injection in lodash',
  severity: 'high',
  vulnerable_versions: '<4.17.21',
  cwe: ['CWE-77'],
  cvss: { score: 7.2, vectorString: 'CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H' },
}
const packument = {
  name: 'lodash',
  'dist-tags': { latest: '4.17.21' },
  versions: Object.fromEntries(['4.17.20', '4.17.21'].map(version => [version, { name: 'lodash', version }])),
}

function writePackage(scripts: Record<string, string>, lodash = '4.17.20', allowed = `^${lodash}`): void {
  const write = (name: string, content: object) =>
    writeFileSync(join(folder.path, 'app', name), JSON.stringify(content))
  const own = { name: 'api', version: '1.0.0', scripts, dependencies: { lodash: allowed } }
  write('package.json', own)
  const resolved = { version: lodash, resolved: 'http://localhost/lodash.tgz', integrity: 'sha512-x' }
  write('package-lock.json', {
    ...own,
    lockfileVersion: 3,
    packages: { '': own, 'node_modules/lodash': resolved },
  })
}

const { GITHUB_ACTIONS: _on, GITHUB_TOKEN: _token, ...plain } = process.env

function check(which: Check, env: Record<string, string> = {}, directory = 'app', githubToken = '') {
  const { port } = registry.address() as AddressInfo
  const checks = resolveChecks(key => key, { code: { directory } })
  return ask(
    which,
    {},
    {
      environment: environmentAt('', { root: folder.path, checks }),
      env: { ...plain, npm_config_registry: `http://127.0.0.1:${port}/`, ...env },
      githubToken,
    },
  )
}

describe('without GitHub, the code is judged here:', () => {
  test('tests and linter fail with the end of what they said, and pass once they do', async () => {
    writePackage({ test: 'echo "1 of 2 failed"; exit 3', lint: 'echo no semicolons >&2; false' })
    const [tested, linted] = await Promise.all([check(tests), check(lint)])
    expect(tested).toMatchObject({
      result: 'fail',
      finding: 'npm run test fails (exit code 3)',
      remedy: expect.stringContaining(`Run npm run test in ${join(folder.path, 'app')}`),
      detail: expect.stringContaining('1 of 2 failed'),
    })
    expect(linted).toMatchObject({ result: 'fail', detail: expect.stringContaining('no semicolons') })
    writePackage({ test: 'true' })
    expect(await check(tests)).toMatchObject({ result: 'pass', finding: 'npm run test passes' })
    writePackage({ lint: 'true' })
    expect(await check(lint)).toMatchObject({ result: 'pass' })
    writePackage({})
    expect(await check(lint)).toMatchObject({ result: 'skip', finding: 'package.json has no script lint' })
    expect(await check(tests, {}, 'nowhere')).toMatchObject({ result: 'skip' })
  })

  test('a hole in a package fails, with the remedy that npm has, and is gone once it was followed', async () => {
    writePackage({})
    const found = await check(audit)
    expect(found).toMatchObject({
      result: 'fail',
      finding: 'npm audit finds lodash (high)',
      remedy: 'Run npm audit fix, and the tests after it.',
    })
    writePackage({}, '4.17.20', '4.17.20')
    expect((await check(audit)).remedy).toContain('run npm install lodash@4.17.21,')
    writePackage({}, '4.17.21')
    expect(await check(audit)).toMatchObject({ result: 'pass' })
  })

  test('a registry that cannot be asked is a warning: nothing is known', async () => {
    writePackage({})
    const unreachable = { npm_config_registry: 'http://127.0.0.1:1/', npm_config_fetch_retries: '0' }
    expect(await check(audit, unreachable)).toMatchObject({
      result: 'warn',
      finding: expect.stringContaining('could not ask'),
    })
  })
})

test('on GitHub, or where GitHub can be asked, nothing is run here', async () => {
  writePackage({ test: 'touch ../was-run' })
  expect(await check(tests, { GITHUB_ACTIONS: 'true' })).toMatchObject({
    result: 'skip',
    finding: 'CI does it: the check ci has the result',
  })
  const git = (...args: string[]) => execFileSync('git', ['-C', folder.path, ...args])
  git('init', '-q')
  git('remote', 'add', 'origin', 'git@github.com:org/api.git')
  git('-c', 'user.name=ada', '-c', 'user.email=ada@org', 'commit', '-q', '--allow-empty', '-m', 'first')
  expect(await check(tests, {}, 'app', 'a-token')).toMatchObject({
    result: 'skip',
    finding: 'GitHub is asked instead: see the check ci',
  })
})
