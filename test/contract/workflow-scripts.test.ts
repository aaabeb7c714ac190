import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { readLogin } from '../../shared/integrations/registry/docker-config.ts'
import { systemExec } from '../../shared/host/exec.ts'

// The few scripts that the workflows carry, run as the runner runs them, with what a stranger might write.

interface Workflow {
  jobs: Record<string, { steps?: { name?: string; run?: string }[] }>
}

const workflows = join(import.meta.dirname, '../../workflows')
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'workflow-script-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Runs one step's script in an empty folder, with nothing in its environment but what is given. */
function run(file: string, name: string, env: Record<string, string>) {
  const { jobs } = parse(readFileSync(join(workflows, file), 'utf8')) as Workflow
  const script = Object.values(jobs)
    .flatMap(job => job.steps ?? [])
    .find(step => step.name === name)?.run
  if (script === undefined) throw new Error(`${file} has no script ${name}`)
  const output = join(folder, '.output')
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script],
    {
      cwd: folder,
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: folder,
        RUNNER_TEMP: join(folder, 'temp of the runner'),
        GITHUB_OUTPUT: output,
        GITHUB_ENV: join(folder, '.variables'),
        ...env,
      },
    },
  )
  const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '')
  return { status, text: stdout + stderr, variables: read(join(folder, '.variables')), outputs: read(output) }
}

describe('the login of a registry', () => {
  const github = { ACTOR: 'octo', TOKEN: 'of the run', SERVER: 'https://github.com' }
  const login = (FROM: string, said: Record<string, string> = {}) => {
    const ended = run('release.yml', 'Log in to the registry', {
      FROM,
      REGISTRY_USERNAME: '',
      REGISTRY_PASSWORD: '',
      ...github,
      ...said,
    })
    const file = join(folder, 'temp of the runner/registry-login')
    return { ...ended, file }
  }
  const readBack = (registry: string, file: string) =>
    readLogin(registry, {
      env: { DOCKER_CONFIG: file },
      exec: systemExec,
      signal: new AbortController().signal,
    })
  const given = { REGISTRY_USERNAME: 'de:ploy', REGISTRY_PASSWORD: 'a"b\\c$(touch hit)'.repeat(9) }

  test.each([
    ['registry.example.com/api@sha256:abc', 'registry.example.com'],
    ['localhost:5000/api:v1', 'localhost:5000'],
    ['org/api', 'docker.io'],
    ['docker.io/org/api', 'docker.io'],
    ['docker.io', 'docker.io'],
  ])('of %s is read back as it was given, and no other user can read it', async (from, registry) => {
    const { status, text, variables, file } = login(from, { ...given, REGISTRY_USERNAME: 'deploy' })
    expect({ status, text }).toEqual({ status: 0, text: '' })
    expect(variables).toBe(`DOCKER_CONFIG=${file}\n`)
    expect(await readBack(registry, file)).toMatchObject({
      username: 'deploy',
      password: given.REGISTRY_PASSWORD,
    })
    expect(statSync(join(file, 'config.json')).mode & 0o777).toBe(0o600)
    expect(existsSync(join(folder, 'hit'))).toBe(false)
  })

  test('is the token of the run for images of ghcr.io', async () => {
    const { file } = login('ghcr.io/org/api')
    expect(await readBack('ghcr.io', file)).toMatchObject({ username: 'octo', password: 'of the run' })
  })

  test.each([
    ['another registry', 'registry.example.com/api', {}],
    [
      'an Enterprise Server, whose tokens ghcr.io does not know',
      'ghcr.io/org/api',
      { SERVER: 'https://git.example.com' },
    ],
    ['no token', 'ghcr.io/org/api', { TOKEN: '' }],
  ])('is none for %s', (_what, from, said) => {
    const { status, text, variables } = login(from, said)
    expect({ status, variables }).toEqual({ status: 0, variables: '' })
    expect(text).toContain('nobody is logged in')
  })

  test('does not hide the one that a runner has by itself', () => {
    mkdirSync(join(folder, '.docker'))
    writeFileSync(join(folder, '.docker/config.json'), '{"credHelpers":{"x.example.com":"ecr"}}')
    expect(login('ghcr.io').variables).toBe('')
    writeFileSync(join(folder, '.docker/config.json'), '{"auths":{}}')
    expect(login('ghcr.io').variables).toContain('DOCKER_CONFIG=')
  })
})

test('the integration tests get an address where one is given, and else their own default holds', () => {
  const npm = '#!/bin/sh\necho "$* ${BASE_URL-not set}"\n'
  writeFileSync(join(folder, 'npm'), npm, { mode: 0o755 })
  const tell = (BASE_URL: string) =>
    run('promote.yml', 'Run the integration tests', {
      SCRIPT: 'test:integration',
      BASE_URL,
      PATH: `${folder}:${process.env['PATH'] ?? ''}`,
    }).text
  expect(tell('http://staging.example.com')).toMatch(/run test:integration http:\/\/staging\.example\.com\n$/)
  expect(tell('')).toMatch(/run test:integration not set\n$/)
})
