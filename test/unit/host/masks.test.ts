import { expect, test } from '@jest/globals'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { environmentSecrets } from '../../../shared/host/secrets/environment-secrets.ts'
import { createMasks } from '../../../shared/host/secrets/masks.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'

function announced(...values: string[]): { masks: string[]; redact: (text: string) => string } {
  const masks: string[] = []
  const secrets = createSecrets(value => masks.push(value))
  for (const value of values) secrets.add(value)
  return { masks, redact: text => secrets.redact(text) }
}

const certificate = () =>
  `-----BEGIN CERTIFICATE-----\n${randomBytes(900).toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`

test('a bundle of certificates is no secret: nothing of it is masked or hidden', () => {
  const bundle = Array.from(
    { length: 140 },
    (_, at) => `# Root CA ${at}\nRoot Authority\n====\n${certificate()}`,
  )
  const { masks, redact } = announced(bundle.join('\n'))
  expect(masks).toEqual([])
  const [line = ''] = /^.{64}$/m.exec(bundle[0] ?? '') ?? []
  expect(redact(`issuer ${line}`)).toBe(`issuer ${line}`)
})

test('words of a file of several lines are shown; its passwords are not', () => {
  const file =
    'production\nsuccess\nkind: Config\nreplicas: 3\npassword: hunter2-x\nsalt: 9fK2-xx81-QpZ7-a0\n'
  const { masks, redact } = announced(file)
  expect(redact('deploy production: success, kind: Config, replicas: 3')).toBe(
    'deploy production: success, kind: Config, replicas: 3',
  )
  expect(redact('tried hunter2-x and 9fK2-xx81-QpZ7-a0')).toBe('tried *** and ***')
  expect(redact(JSON.stringify({ file }))).toBe('{"file":"***"}')
  expect(masks).not.toContain('production')
})

test('a private key is masked line by line, and its certificate is not', () => {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const lines = privateKey.trim().split('\n')
  const { masks, redact } = announced(`${certificate()}${privateKey}`)
  expect(masks).toEqual(lines.slice(1, -1))
  expect(redact(lines[3] ?? '')).toBe('***')
  expect(redact('-----BEGIN CERTIFICATE-----')).toBe('-----BEGIN CERTIFICATE-----')
})

test('of a kubeconfig the credentials are hidden, and its server and names are shown', () => {
  const key = Buffer.from(`-----BEGIN PRIVATE KEY-----\n${randomBytes(300).toString('base64')}`).toString(
    'base64',
  )
  const kubeconfig = `apiVersion: v1
current-context: production-admin
clusters:
- name: production
  cluster:
    server: https://10.0.0.1:6443
    certificate-authority-data: ${Buffer.from(certificate()).toString('base64')}
users:
- name: admin
  user:
    token: eyJhbGciOi.J9x2k
    client-key-data: ${key}
`
  const { redact } = announced(kubeconfig)
  expect(redact(`GET https://10.0.0.1:6443 as production-admin with eyJhbGciOi.J9x2k and ${key}`)).toBe(
    'GET https://10.0.0.1:6443 as production-admin with *** and ***',
  )
})

test('a document of JSON on one line hides its secrets alone, too', () => {
  const { redact } = announced(`{"auths":{"r.example.org":{"username":"ci","password":"Tr0ub4dor&3x"}}}`)
  expect(redact('login ci at r.example.org with Tr0ub4dor&3x')).toBe('login ci at r.example.org with ***')
})

test('the runner is asked for 500 masks at most, and what is not masked is said', () => {
  const asked: string[] = []
  const warned: string[] = []
  const mask = createMasks({ command: (name, _properties, value) => asked.push(`${name} ${value}`) }, line =>
    warned.push(line),
  )
  for (let at = 0; at < 600; at++) mask(`secret-value-${at}`)
  expect(asked).toHaveLength(500)
  expect(warned).toEqual([expect.stringContaining('More than 500 secret values')])
})

test('secrets of the environment are known by their names, and files and ids are none', () => {
  expect(
    environmentSecrets({
      ...{ GITHUB_TOKEN: 'ghs_0123456789', ACTIONS_RUNTIME_TOKEN: 'eyJ0eXAi.abc', PGPASSWORD: 'hunter2-x' },
      ...{
        AWS_WEB_IDENTITY_TOKEN_FILE: '/run/token',
        SSH_AUTH_SOCK: '/tmp/agent',
        AWS_ACCESS_KEY_ID: 'AKIA12345678',
      },
      ...{ RUNBOOK_PASSWORD: '/run/secrets/password', NPM_TOKEN: 'short', SLACK_WEBHOOK: undefined },
    }),
  ).toEqual(['ghs_0123456789', 'eyJ0eXAi.abc', 'hunter2-x'])
})
