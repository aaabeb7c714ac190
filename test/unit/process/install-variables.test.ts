import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installVariables } from '../../../shared/targets/process/source/install-variables.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'install-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const env = () => ({ HOME: folder, NODE_AUTH_TOKEN: 'n', NPM_TOKEN: 't', GITHUB_TOKEN: 'g', MIRROR: 'm' })

test('without a configuration that refers to a login, an installation gets none', () => {
  expect(installVariables([folder], env())).toEqual({})
})

test('the login that .npmrc refers to is handed on, and no token of the job that it names', () => {
  writeFileSync(
    join(folder, '.npmrc'),
    '//npm.example.com/:_authToken=${NODE_AUTH_TOKEN}\n//npm.pkg.github.com/:_authToken=${GITHUB_TOKEN}\n',
  )
  expect(installVariables([folder], env())).toEqual({ NODE_AUTH_TOKEN: 'n' })
})

test('what the runbook names is handed on', () => {
  expect(installVariables([folder], env(), ['MIRROR', 'GITHUB_TOKEN'])).toEqual({
    MIRROR: 'm',
    GITHUB_TOKEN: 'g',
  })
})
