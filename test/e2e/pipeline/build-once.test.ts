import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { parse } from 'yaml'
import { openLab } from '../../lab/lab.ts'

// The scripts of release.yml's build, run as the runner runs them, with a real engine and a real registry.

jest.setTimeout(240_000)

interface Workflow {
  jobs: { build: { steps: { id?: string; name?: string; run?: string }[] } }
}

const file = join(import.meta.dirname, '../../../workflows/release.yml')
const { steps } = (parse(readFileSync(file, 'utf8')) as Workflow).jobs.build
const lab = openLab()
const image = `${lab.registry}/e2e-build-once-${process.pid}/api`
const [one, two] = ['1', '2'].map(digit => digit.repeat(40))
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'build-once-'))
  writeFileSync(join(folder, 'now'), String(performance.now()))
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY now /now\n')
})
afterEach(() => rmSync(folder, { recursive: true }))
afterAll(() => {
  spawnSync('docker', ['--host', lab.docker.host, 'image', 'rm', `${image}:v1.0.0`, `${image}:v1.1.0`])
})

function script(name: string, commit: string | undefined, version: string, IMAGE = image) {
  const found = steps.find(step => step.name === name)?.run
  if (found === undefined) throw new Error(`release.yml has no script ${name}`)
  const output = join(folder, '.output')
  writeFileSync(output, '')
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['--noprofile', '--norc', '-eo', 'pipefail', '-c', found],
    {
      cwd: folder,
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: folder,
        DOCKER_HOST: lab.docker.host,
        DOCKER_BUILDKIT: '0',
        GITHUB_OUTPUT: output,
        GITHUB_SHA: commit,
        ...{ IMAGE, VERSION: version, DOCKERFILE: 'Dockerfile', CONTEXT: '.', BUILD_ARGS: '' },
      },
    },
  )
  const digest = /^digest=(.*)$/m.exec(readFileSync(output, 'utf8'))?.[1]
  return { status, text: stdout + stderr, digest }
}

const find = (commit: string | undefined, version = 'v1.0.0') =>
  script('Find the image of an earlier run', commit, version)

function build(commit: string | undefined, version = 'v1.0.0'): string | undefined {
  expect(script('Build the image', commit, version)).toMatchObject({ status: 0 })
  return script('Push it, and read its digest', commit, version).digest
}

test('a re-run takes the image that the first run pushed; another commit does not replace it', () => {
  expect(find(one)).toMatchObject({ status: 0, digest: undefined })
  const pushed = build(one)
  expect(pushed).toMatch(/^sha256:[0-9a-f]{64}$/)

  expect(find(one)).toMatchObject({ status: 0, digest: pushed })

  const refused = find(two)
  expect(refused).toMatchObject({ status: 1, digest: undefined })
  expect(refused.text).toContain(
    `The registry has v1.0.0 already, and it was built from commit ${one}, not from ${two}`,
  )
})

test('an image without the label of its commit is not taken, and not replaced', () => {
  expect(find(undefined, 'v1.1.0').digest).toBeUndefined()
  build('', 'v1.1.0')
  expect(find(one, 'v1.1.0')).toMatchObject({ status: 1, digest: undefined })
  expect(find(one, 'v1.1.0').text).toContain('built without the label org.opencontainers.image.revision')
})

test('a registry that does not answer is no registry without the version', () => {
  const dead = script('Find the image of an earlier run', one, 'v1.0.0', '127.0.0.1:1/org/api')
  expect(dead).toMatchObject({ status: 1, digest: undefined })
  expect(dead.text).toContain('nothing is built')
})
