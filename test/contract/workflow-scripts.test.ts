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

const envFiles = [
  { what: 'the env-file', secret: 'ENV_FILE', path: 'deployment/config/.env.staging' },
  {
    what: 'the env-file of backups',
    secret: 'BACKUP_ENV_FILE',
    path: 'deployment/config/.env.staging.backup',
  },
]

describe.each(envFiles)('$what', ({ what, secret, path }) => {
  const write = (content: string, file = path) =>
    run('promote.yml', `Write ${what}`, { CONTENT: content, FILE: file })

  test.each([
    'A=1\nB=two words\n\n# c',
    'A=$(touch hit)\nB=`touch hit`',
    'A=\'quoted\'\nB="${HOME}"',
    '-n',
    'A=%s\\n',
    '::set-env name=A::b',
  ])('holds %j as it is, and only its owner may read it', content => {
    const { status, text } = write(content)
    expect({ status, text }).toEqual({ status: 0, text: '' })
    const file = join(folder, path)
    expect(readFileSync(file, 'utf8')).toBe(`${content}\n`)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(existsSync(join(folder, 'hit'))).toBe(false)
  })

  test('may have a path that looks like an option', () => {
    expect(write('A=1', '-rf').status).toBe(0)
    expect(readFileSync(join(folder, '-rf'), 'utf8')).toBe('A=1\n')
    expect(run('promote.yml', `Remove ${what}`, { WRITTEN: 'yes', FILE: '-rf' }).status).toBe(0)
    expect(existsSync(join(folder, '-rf'))).toBe(false)
  })

  test('is not written without its secret, and one that was there stays', () => {
    write('A=1')
    expect(write('').text).toBe(`The secret ${secret} is not set: nothing is written.\n`)
    run('promote.yml', `Remove ${what}`, { WRITTEN: '', FILE: path })
    expect(readFileSync(join(folder, path), 'utf8')).toBe('A=1\n')
  })

  test('of each environment is written by recover.yml where its own path says', () => {
    const FILE = 'secrets/ENVIRONMENT/ENVIRONMENT.env'
    run('recover.yml', `Write ${what}`, { CONTENT: 'A=1', FILE, NAME: 'staging' })
    expect(readFileSync(join(folder, 'secrets/staging/staging.env'), 'utf8')).toBe('A=1\n')
    run('recover.yml', `Remove ${what}`, { WRITTEN: 'yes', FILE, NAME: 'staging' })
    expect(existsSync(join(folder, 'secrets/staging/staging.env'))).toBe(false)
  })
})

describe('the login of a registry', () => {
  const github = { ACTOR: 'octo', TOKEN: 'of the run', SERVER: 'https://github.com' }
  const login = (FROM: string, said: Record<string, string> = {}) => {
    const ended = run('promote.yml', 'Log in to the registry', {
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

describe('the key of a Docker host', () => {
  const write = (KEY: string, KNOWN_HOSTS: string) =>
    run('promote.yml', 'Write the key of the Docker host', { KEY, KNOWN_HOSTS })

  test('is what ssh logs in with, and no other user can read it', () => {
    const made = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'made')])
    expect(made.status).toBe(0)
    const key = readFileSync(join(folder, 'made'), 'utf8')
    const { status, text, variables } = write(
      key.replaceAll('\n', '\r\n'),
      'staging.example.com ssh-ed25519 AAAA',
    )
    expect({ status, text }).toEqual({ status: 0, text: '' })
    const config = String(/^RUNBOOK_SSH_CONFIG=(.*)\n$/.exec(variables)?.[1])
    const place = join(folder, 'temp of the runner/docker-ssh')
    expect(config).toBe(join(place, 'config'))
    for (const file of ['key', 'known_hosts', 'config'])
      expect(statSync(join(place, file)).mode & 0o777).toBe(0o600)
    expect(spawnSync('ssh-keygen', ['-y', '-f', join(place, 'key')]).status).toBe(0)
    const { stdout } = spawnSync('ssh', ['-G', '-F', config, 'staging.example.com'], { encoding: 'utf8' })
    expect(stdout).toContain(`identityfile ${join(place, 'key')}\n`)
    expect(stdout).toContain(`userknownhostsfile ${join(place, 'known_hosts')}\n`)
    expect(stdout).toMatch(/stricthostkeychecking (true|yes)/)
  })

  test('is not used for an unknown host', () => {
    const { status, text, variables } = write('key', '')
    expect({ status, variables }).toEqual({ status: 1, variables: '' })
    expect(text).toMatch(/^::error title=docker::.*DOCKER_SSH_KNOWN_HOSTS.*ssh-keyscan.*\n$/)
  })

  test('need not be there', () => {
    expect(write('', '')).toMatchObject({ status: 0, variables: '' })
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

describe('what recover.yml tells', () => {
  const tell = (reason: string) =>
    run('recover.yml', 'Tell what was settled', { ENVIRONMENT: 'production', REASON: reason })

  test.each(['nothing-to-settle', 'lease-held'])('%s: nothing', reason => {
    expect(tell(reason)).toMatchObject({ status: 0, text: '' })
  })

  test('a hold is a warning', () => {
    const { status, text } = tell('held')
    expect({ status, text }).toEqual({ status: 0, text: expect.stringContaining('::warning') })
  })

  test.each(['restored', 'settled-good'])('%s: an alarm', reason => {
    const { status, text } = tell(reason)
    expect(status).toBe(1)
    expect(text).toMatch(/^::error title=recover::.*production.*\n$/)
  })
})

describe('what promote.yml tells of a release that does not serve any more', () => {
  const tell = (serving: string, version = 'v1.2.0') =>
    run('promote.yml', 'Tell when the release does not stay', {
      REASON: 'nothing-to-settle',
      SERVING: serving,
      VERSION: version,
    })

  test.each([
    ['v1.2.1', 'v1.2.0'],
    ['v1.10.0', 'v1.9.0'],
    ['v1.2.0', 'v1.2.0-rc.1'],
    ['v1.2.0-rc.10', 'v1.2.0-rc.9'],
  ])('%s in place of %s: it was overtaken, which is no alarm', (serving, version) => {
    const { status, text } = tell(serving, version)
    expect({ status, text }).toEqual({ status: 0, text: expect.stringContaining(`${serving} serves by now`) })
  })

  test.each(['v1.1.9', 'v1.2.0-rc.1', '', 'unknown', 'x-latest'])('%j: an alarm', serving => {
    const { status, text } = tell(serving)
    expect(status).toBe(1)
    expect(text).toMatch(/^::error title=settle::The release was not recorded good .* serves\..*\n$/)
  })
})

describe('which of the scheduled backups is kept long', () => {
  /** The runner's clock says so: `date` is one of ours. */
  const keptAt = (time: string, event = 'schedule') => {
    const [hour = '', minute = ''] = time.split(':')
    const said = `#!/bin/sh\ncase "$*" in *%H*) echo ${hour} ;; *%M*) echo ${minute} ;; esac\n`
    writeFileSync(join(folder, 'date'), said, { mode: 0o755 })
    const env = { EVENT: event, PATH: `${folder}:${process.env['PATH'] ?? ''}` }
    return run('backup.yml', 'See which one is kept long', env).outputs
  }

  test.each([
    ['02:00', 'true'],
    ['02:29', 'true'],
    ['02:30', 'false'],
    ['01:59', 'false'],
    ['08:09', 'false'],
  ])('at %s: %s', (time, kept) => {
    expect(keptAt(time)).toBe(`keep-long=${kept}\n`)
  })

  test('one that a person starts is', () => {
    expect(keptAt('12:45', 'workflow_dispatch')).toBe('keep-long=true\n')
  })
})
