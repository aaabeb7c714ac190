import { expect, test } from '@jest/globals'
import { createSecrets, type Secrets } from '../../../shared/host/secrets/secrets.ts'
import { keepSecret as keepContainer } from '../../../shared/targets/docker/state/keep-secret.ts'
import { keepSecret as keepApp } from '../../../shared/targets/process/keep-secret.ts'
import { diffOf } from '../../../shared/targets/process/diff.ts'

const variables = {
  DATABASE_URL: 'postgres://app:0ldFilePw@db/app',
  SESSION: 'f1le-value-of-then',
  VERSION: 'v1.10.20',
  COLOUR: 'light-1',
  MODE: 'https://plain.example.com',
  CACHE: 'redis://:InlinePw@r',
}
const environment = { name: 'production', service: 'runbook-api' }
const spec = { env: { MODE: '', CACHE: '' } }
const hides = (keep: (context: never, secrets: Secrets) => void) => {
  const secrets = createSecrets()
  keep({ adapters: { secrets }, environment, spec } as never, secrets)
  return (text: string) => secrets.redact(text)
}

test.each([
  [
    'a container',
    (adopted: boolean) =>
      hides(context =>
        keepContainer(context, {
          entry: { version: 'v1.10.20' },
          payload: {
            body: {
              create: {
                Image: 'i',
                Env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
              },
              adopted: adopted ? 'id' : '',
            },
          },
        } as never),
      ),
  ],
  [
    'an app',
    (adopted: boolean) =>
      hides(context =>
        keepApp(context, {
          body: {
            version: 'v1.10.20',
            env: adopted ? {} : variables,
            adopted: adopted ? { env: { ...variables, port: 3000, nested: {} } } : null,
          },
        } as never),
      ),
  ],
])(
  'what %s was recorded with is hidden: all of its env-file, and what the rest gives away',
  (_name, recorded) => {
    const own = recorded(false)
    expect(own('0ldFilePw f1le-value-of-then InlinePw')).toBe('*** *** ***')
    expect(own('https://plain.example.com')).toBe('https://plain.example.com')
    const plain = 'this is v1.10.20 of production, light-1'
    expect(own(plain)).toBe(plain)
    const foreign = recorded(true)
    expect(foreign('0ldFilePw InlinePw')).toBe('*** ***')
    expect(foreign('f1le-value-of-then')).toBe('f1le-value-of-then')
  },
)

test('a command line that changes is told without its passwords', () => {
  const body = (password: string) => ({
    version: 'v1.0.0',
    source: 'git:1',
    path: '',
    within: '',
    start: `node server.js --db redis://:${password}@r`,
    env: {},
    adopted: null,
  })
  expect(diffOf(body('St4rtOld'), body('St4rtNew'))).toBe(
    'start: node server.js --db redis://:(hidden)@r -> node server.js --db redis://:(hidden)@r',
  )
})
