import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemExec } from '../../../shared/host/exec.ts'
import { readLogin } from '../../../shared/integrations/registry/docker-config.ts'
import { receiveCredentials, type JobCredentials } from '../../../shared/commands/step/job-credentials.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'

let temp: string
let home: string
let announced: string[]
beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), 'credentials-'))
  home = join(temp, 'home')
  mkdirSync(join(home, '.docker'), { recursive: true })
  announced = []
})
afterEach(() => rmSync(temp, { recursive: true }))

function receive(env: Record<string, string>, image = ''): JobCredentials {
  const runnerTemp = join(temp, 'runner')
  mkdirSync(runnerTemp, { recursive: true })
  return receiveCredentials({
    env: { HOME: home, RUNNER_TEMP: runnerTemp, PATH: process.env['PATH'], ...env },
    secrets: createSecrets(value => announced.push(value)),
    environment: 'production',
    image,
    token: '',
  })
}

const loginOf = ({ env }: JobCredentials, registry: string) =>
  readLogin(registry, { env, exec: systemExec, signal: new AbortController().signal })

test('files hold what the job gave while the step runs, for this user alone, and are gone afterwards', () => {
  const given = receive({
    ENV_FILE: 'DATABASE_URL=postgres://u:s3cret@db/api',
    BACKUP_ENV_FILE: 'AWS_SECRET_ACCESS_KEY=abc\n',
    DOCKER_HOST: 'ssh://deploy@staging.example.com',
    DOCKER_SSH_KEY:
      '-----BEGIN OPENSSH PRIVATE KEY-----\r\nb3BlbnNzaC1rZXk\r\n-----END OPENSSH PRIVATE KEY-----',
    DOCKER_SSH_KNOWN_HOSTS: 'staging.example.com ssh-ed25519 AAAA',
  })
  expect(readFileSync(given.envFile, 'utf8')).toBe('DATABASE_URL=postgres://u:s3cret@db/api\n')
  expect(given.envFile).toMatch(/\/\.env\.production$/)
  expect(readFileSync(given.backupEnvFile, 'utf8')).toBe('AWS_SECRET_ACCESS_KEY=abc\n')
  const config = readFileSync(given.env['RUNBOOK_SSH_CONFIG'] ?? '', 'utf8')
  const key = /IdentityFile "(.+)"/.exec(config)?.[1] ?? ''
  expect(readFileSync(key, 'utf8')).not.toContain('\r')
  expect(config).toContain('StrictHostKeyChecking yes')
  for (const file of [given.envFile, given.backupEnvFile, key])
    expect(statSync(file).mode & 0o777).toBe(0o600)
  given.remove()
  expect(readdirSync(join(temp, 'runner'))).toEqual([])
})

test('what was taken is not in the environment of the step any more, and is masked', () => {
  const key = 'key-of-the-docker-host'
  const given = receive({
    ENV_FILE: 'A=1',
    DOCKER_SSH_KEY: key,
    DOCKER_SSH_KNOWN_HOSTS: 'h ssh-ed25519 AAAA',
    REGISTRY_USERNAME: 'ada',
    REGISTRY_PASSWORD: 'registry-password',
    KUBECONFIG: 'apiVersion: v1\nusers: [{ user: { token: kube-token-0123456789 } }]\n',
  })
  const left = JSON.stringify(given.env)
  for (const each of ['A=1', key, 'registry-password', 'apiVersion']) expect(left).not.toContain(each)
  for (const each of [key, 'registry-password']) expect(announced).toContain(each)
  expect(given.kubeconfig).toContain('apiVersion: v1')
})

test('secrets that the job does not have are empty, and change nothing', () => {
  const names = [
    'ENV_FILE',
    'BACKUP_ENV_FILE',
    'KUBECONFIG',
    'DOCKER_HOST',
    'DOCKER_SSH_KEY',
    'REGISTRY_USERNAME',
  ]
  const given = receive(Object.fromEntries(names.map(name => [name, ''])))
  expect(given).toMatchObject({ envFile: '', backupEnvFile: '', kubeconfig: '' })
  expect(Object.keys(given.env).sort()).toEqual(['HOME', 'PATH', 'RUNNER_TEMP'])
  expect(readdirSync(join(temp, 'runner'))).toEqual([])
})

test('a path of a kubeconfig stays where programs look for it', () => {
  expect(receive({ KUBECONFIG: '/etc/kube/config' })).toMatchObject({
    kubeconfig: '',
    env: { KUBECONFIG: '/etc/kube/config' },
  })
})

test('a login is added to the configuration of the machine, whose own logins, helpers and contexts stay', async () => {
  writeFileSync(
    join(home, '.docker/config.json'),
    JSON.stringify({
      auths: { 'other.example.com': { auth: Buffer.from('own:login').toString('base64') } },
      credsStore: 'no-such-helper',
      currentContext: 'staging',
    }),
  )
  mkdirSync(join(home, '.docker/contexts/meta'), { recursive: true })
  const user = { REGISTRY_USERNAME: 'ada', REGISTRY_PASSWORD: 'token-of-ada' }
  const given = receive(user, 'registry.example.com/api@sha256:' + 'a'.repeat(64))
  expect(await loginOf(given, 'registry.example.com')).toMatchObject({
    username: 'ada',
    password: 'token-of-ada',
  })
  expect(await loginOf(given, 'other.example.com')).toMatchObject({ username: 'own' })
  const folder = given.env['DOCKER_CONFIG'] ?? ''
  expect(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))).toMatchObject({
    currentContext: 'staging',
  })
  expect(readdirSync(folder).sort()).toEqual(['config.json', 'contexts'])
  const hub = receive(user, 'org/api:v1')
  expect(await loginOf(hub, 'docker.io')).toMatchObject({ username: 'ada' })
})

test('a step without an image logs in to the registry that is named, or to that of an image that is', async () => {
  const user = { REGISTRY_USERNAME: 'ada', REGISTRY_PASSWORD: 'token-of-ada' }
  const named = async (RUNBOOK_REGISTRY: string, registry: string, image = '') =>
    loginOf(receive({ ...user, RUNBOOK_REGISTRY, REGISTRY: 'other.example.com' }, image), registry)
  expect(await named('', 'ghcr.io')).toMatchObject({ username: 'ada' })
  expect(await named('registry.example.com', 'registry.example.com')).toMatchObject({ username: 'ada' })
  expect(await named('localhost:5000/org/api@sha256:' + 'a'.repeat(64), 'localhost:5000')).toMatchObject({
    username: 'ada',
  })
  expect(await named('registry.example.com', 'docker.io', 'org/api:v1')).toMatchObject({ username: 'ada' })
})

test('an image of ghcr.io is pulled with the token of the job, unless the machine has a login of its own there', async () => {
  const job = {
    GITHUB_TOKEN: 'ghs_0123456789',
    GITHUB_ACTOR: 'ada',
    GITHUB_SERVER_URL: 'https://github.com',
  }
  // A runner that has some configuration, but none for ghcr.io.
  writeFileSync(join(home, '.docker/config.json'), '{"auths":{"other.example.com":{"auth":"eDp5"}}}')
  expect(await loginOf(receive(job, 'ghcr.io/org/api:v1'), 'ghcr.io')).toMatchObject({ username: 'ada' })
  expect(receive(job, 'registry.example.com/api:v1').env['DOCKER_CONFIG']).toBeUndefined()
  expect(
    receive({ ...job, GITHUB_SERVER_URL: 'https://ghe.example.com' }, 'ghcr.io/org/api:v1').env[
      'DOCKER_CONFIG'
    ],
  ).toBeUndefined()
  writeFileSync(join(home, '.docker/config.json'), '{"credHelpers":{"ghcr.io":"own"}}')
  expect(receive(job, 'ghcr.io/org/api:v1').env['DOCKER_CONFIG']).toBeUndefined()
})

test.each([
  [{ DOCKER_SSH_KEY: 'k'.repeat(20) }, 'DOCKER_SSH_KNOWN_HOSTS is missing'],
  [{ REGISTRY_USERNAME: 'ada' }, 'REGISTRY_PASSWORD is missing'],
  [{ REGISTRY_PASSWORD: 'password-of-ada' }, 'REGISTRY_USERNAME is missing'],
])('half of what belongs together is refused: %j', (env, message) => {
  expect(() => receive(env)).toThrow(message)
  expect(readdirSync(join(temp, 'runner'))).toEqual([])
})
