import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkInputs, checkInputsFields } from '../../../shared/commands/check/check-inputs.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { environmentAt, realPorts } from '../../e2e/gate/ports.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'check-inputs-'))
  mkdirSync(join(root, 'shop'))
  writeFileSync(join(root, 'Dockerfile'), 'FROM scratch\n')
  writeFileSync(join(root, 'shop/package.json'), '{"scripts":{"test":"x","e2e":"x"}}')
  writeFileSync(join(root, 'shop/package-lock.json'), '{}')
})
afterEach(() => rmSync(root, { recursive: true }))

const good = {
  environment: 'staging',
  image: 'ghcr.io/org/orders',
  dockerfile: 'Dockerfile',
  context: '.',
  'working-directory': 'shop',
  'test-script': 'test',
  'integration-script': 'e2e',
}

function check(change: Record<string, string> = {}, tag = 'v1.2.3') {
  const given: Record<string, string> = { ...good, ...change }
  const read = (name: string) => given[name] ?? ''
  const { run } = realPorts()
  const ports = realPorts({ run: { ...run, tag } })
  const environment = environmentAt('http://127.0.0.1', { root })
  return checkInputs(environment, parseInputs(checkInputsFields, read), ports, read('image'))
}

test.each([
  ['v1.2.3', 'false'],
  ['v0.0.0', 'false'],
  ['v10.20.30', 'false'],
  ['v1.3.0-rc.1', 'true'],
  ['v1.3.0-0a.x-y', 'true'],
])('complete inputs pass; %s is a pre-release: %s', async (version, prerelease) => {
  expect(await check({}, version)).toMatchObject({ status: 'success', outputs: { version, prerelease } })
})

test.each([
  '',
  '1.2.3',
  'v1.2',
  'v1',
  'v01.2.3',
  'v1.2.3-01',
  'v1.2.3-',
  'v1.2.3+build.1',
  'v1.2.3\nx',
  'version',
])('the tag %j is refused', async tag => {
  const outcome = await check({}, tag)
  expect(outcome).toMatchObject({ status: 'failure', reason: 'input-invalid', outputs: {} })
  expect(outcome.summary).toMatch(/^version (is|"|$)/)
  expect(outcome.summary + outcome.next).toContain('v1.2.3')
})

describe('the name of an image that is built', () => {
  test.each([
    'ghcr.io/acme/orders',
    'localhost:5000/orders',
    'acme/orders',
    'orders',
    'acmeshop.azurecr.io/a-b/c_d',
  ])('%s is accepted', async image => expect(await check({ image })).toMatchObject({ status: 'success' }))

  test.each([
    ['ghcr.io/Acme-Shop/Orders', 'capital letters', 'ghcr.io/acme-shop/orders'],
    ['ghcr.io/acme/orders:latest', 'tag', 'ghcr.io/acme/orders'],
    ['ghcr.io/acme/orders@sha256:' + 'a'.repeat(64), 'digest', 'ghcr.io/acme/orders'],
    ['https://ghcr.io/acme/orders', 'scheme', 'ghcr.io/acme/orders'],
    ['ghcr.io/acme/orders ', 'blank', 'blank'],
    [' ghcr.io/acme/orders', 'blank', 'blank'],
    ['ghcr.io//orders', 'accepted', 'ghcr.io/org/api'],
  ])('%j is refused for its %s', async (image, fault, remedy) => {
    const outcome = await check({ image })
    expect(outcome).toMatchObject({ status: 'failure', reason: 'input-invalid' })
    expect(outcome.summary).toMatch(/^image is /)
    expect(outcome.summary).toContain(fault)
    expect(outcome.next).toContain(remedy)
  })

  test('an image that is only deployed may have a digest', async () => {
    const image = 'ghcr.io/acme/orders@sha256:' + 'a'.repeat(64)
    expect(await check({ image, dockerfile: '' })).toMatchObject({ status: 'success' })
    expect(await check({ image: 'Acme/orders@x', dockerfile: '' })).toMatchObject({ reason: 'input-invalid' })
  })
})

test.each([
  [{ dockerfile: 'docker/Dockerfile' }, 'dockerfile is "docker/Dockerfile"'],
  [{ dockerfile: 'shop' }, 'dockerfile is "shop"'],
  [{ context: 'build' }, 'context is "build"'],
  [{ 'working-directory': 'store' }, 'working-directory is "store"'],
  [{ 'working-directory': '.' }, 'has no package.json'],
  [{ 'test-script': 'unit' }, 'test-script is "unit"; accepted: a script of shop/package.json: test, e2e'],
  [{ 'integration-script': 'toString' }, 'integration-script is "toString"'],
])('%j is refused', async (change, words) => {
  const outcome = await check(change)
  expect(outcome).toMatchObject({ status: 'failure', reason: 'input-invalid' })
  expect(outcome.summary).toContain(words)
})

test('what both scripts miss is named once', async () => {
  const { summary, next } = await check({ 'working-directory': 'store' })
  expect(summary).toBe('working-directory is "store", and the repository has no such folder')
  expect(next).toBe('Set working-directory to the path of a folder from the root of the repository.')
})

test('npm ci wants a lock file', async () => {
  rmSync(join(root, 'shop/package-lock.json'))
  expect((await check()).summary).toContain('has no package-lock.json')
})

test('all faults are reported at once', async () => {
  const outcome = await check({ image: 'Acme/orders', dockerfile: 'x', context: 'y' }, '')
  expect(outcome.evidence.map(({ finding }) => finding.split(' ')[0])).toEqual([
    'version',
    'image',
    'dockerfile',
    'context',
  ])
})

test('a build argument that is no assignment is refused by its line, never by its value', () => {
  const parse = () => checkInputsFields['build-args'].parse('build-args', 'A=1\nhidden value')
  expect(parse).toThrow('build-args: line 2 is not NAME=VALUE')
  expect(parse).not.toThrow('hidden')
})
