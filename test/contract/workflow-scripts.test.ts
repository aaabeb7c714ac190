import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { parse } from 'yaml'

// The few scripts that the workflows carry, run as the runner runs them.

interface Workflow {
  jobs: Record<string, { steps?: { name?: string; run?: string }[] }>
}

const workflows = join(import.meta.dirname, '../../workflows')
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'workflow-script-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Runs one step's script in an empty folder, where a program of ours stands for another. @returns what it printed */
function run(
  file: string,
  name: string,
  program: { name: string; script: string },
  env: Record<string, string>,
) {
  const { jobs } = parse(readFileSync(join(workflows, file), 'utf8')) as Workflow
  const script = Object.values(jobs)
    .flatMap(job => job.steps ?? [])
    .find(step => step.name === name)?.run
  if (script === undefined) throw new Error(`${file} has no script ${name}`)
  writeFileSync(join(folder, program.name), `#!/bin/sh\n${program.script}\n`, { mode: 0o755 })
  const { stdout } = spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], {
    cwd: folder,
    encoding: 'utf8',
    env: { HOME: folder, ...env, PATH: `${folder}:${process.env['PATH'] ?? ''}` },
  })
  return stdout
}

test('the integration tests get an address where one is given, and else their own default holds', () => {
  const npm = { name: 'npm', script: 'echo "$* ${BASE_URL-not set}"' }
  const urlSeen = (BASE_URL: string) =>
    run('promote.yml', 'Run the integration tests', npm, { SCRIPT: 'test:integration', BASE_URL })
  expect(urlSeen('http://staging.example.com')).toMatch(
    /run test:integration http:\/\/staging\.example\.com\n$/,
  )
  expect(urlSeen('')).toMatch(/run test:integration not set\n$/)
})

test.each([
  ['ghcr.io/org/api', 'ghcr.io'],
  ['localhost:5000/api', 'localhost:5000'],
  ['localhost/api', 'localhost'],
  ['org/api', 'docker.io'],
  ['docker.io/org/api', 'docker.io'],
])(
  'the job that attests logs in to the registry of %s, and its password is no argument',
  (image, registry) => {
    const docker = { name: 'docker', script: 'echo "$*"; cat' }
    const env = { REPOSITORY: image, USERNAME: 'ada', PASSWORD: 'a"b$(touch hit)' }
    expect(run('release.yml', 'Log in to the registry', docker, env)).toBe(
      `login ${registry} --username ada --password-stdin\na"b$(touch hit)\n`,
    )
  },
)
