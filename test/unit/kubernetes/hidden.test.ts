import { describe, expect, test } from '@jest/globals'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import type { Client } from '../../../shared/targets/kubernetes/api/client.ts'
import { changeOf } from '../../../shared/targets/kubernetes/inspect/diff.ts'
import { changedFields } from '../../../shared/targets/kubernetes/ownership/fields.ts'
import {
  createKeepSecret,
  keepingClient,
  keepingRecords,
  secretsOfObject,
} from '../../../shared/targets/kubernetes/state/keep-secret.ts'
import type { KubeObject } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import type { RecordStore } from '../../../shared/targets/kubernetes/state/records.ts'

const deployment = (password: string): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'api', annotations: { from: `https://ci:${password}@ci.example.com/1` } },
  spec: {
    template: {
      spec: {
        containers: [
          {
            name: 'app',
            image: 'app:1',
            command: ['redis-server', '--requirepass', `next-${password}`],
            args: ['--port=1', `--db-password=${password}`],
            env: [
              { name: 'DATABASE_URL', value: `postgres://app:${password}@db/app` },
              { name: 'REDIS_URL', value: `redis://:${password}@r/0` },
              { name: 'JWT_SECRET', value: `${password}-jwt` },
              { name: 'LOG_LEVEL', value: password.length > 9 ? 'info' : 'debug' },
            ],
          },
        ],
      },
    },
  },
})
const config = (password: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'c' },
  data: {
    DB_PASSWORD: password,
    'application.properties': `a=1\nspring.datasource.password=${password}\nurl=redis://:${password}@r\n`,
    COLOUR: password.length > 9 ? 'red' : 'blue',
  },
})
const [old, now] = ['Manif3stOld', 'C0nfNew']

describe.each<[string, (password: string) => KubeObject]>([
  ['a Deployment', deployment],
  ['a ConfigMap', config],
])('the passwords of %s', (_name, make) => {
  test('are in no diff, which tells that they changed', () => {
    const { diff = '' } = changeOf(make(now), make(old), make(now))
    expect(diff).not.toContain(old)
    expect(diff).not.toContain(now)
    expect(diff).toContain('(hidden, changed)')
    expect(diff).toMatch(/^-.*\(hidden\)/m)
    expect(diff).toMatch(/info|red/)
    expect(diff).toMatch(/debug|blue/)
  })

  test('are in no line about drift', () => {
    const said = JSON.stringify(changedFields(make(old), make(now)))
    expect(said).not.toContain(old)
    expect(said).not.toContain(now)
    expect(said).toMatch(/info|red/)
  })

  test('are known, and nothing else is', () => {
    const found = new Set(secretsOfObject(make(old)))
    expect([...found].every(value => value.includes(old))).toBe(true)
    expect(found.has(old)).toBe(true)
  })
})

test('only the password of a URL is hidden: the rest says what changed', () => {
  const { diff = '' } = changeOf(deployment(now), deployment(old), deployment(now))
  expect(diff).toContain('value: postgres://app:(hidden)@db/app')
  expect(diff).toContain('value: postgres://app:(hidden, changed)@db/app')
})

test('what is read from the cluster, or from a record, is kept secret from then on', async () => {
  const secrets = createSecrets()
  const keepSecret = createKeepSecret(secrets, ['production'])
  const live: Record<string, KubeObject> = {
    '/d/api': deployment('LivePassword1'),
    '/lists': { kind: 'APIResourceList' } as unknown as KubeObject,
  }
  const { kind: _kind, ...item } = config('ListedPassw0rd')
  const reading = {
    get: path => Promise.resolve(live[path]),
    list: () => Promise.resolve({ items: [item as KubeObject], resourceVersion: '1' }),
    patch: () => Promise.resolve(deployment('TriedPassword1')),
  } as Partial<Client> as Client
  const client = keepingClient(reading, keepSecret)
  const records = keepingRecords(
    {
      load: () =>
        Promise.resolve({
          body: { version: 'v1.0.0', image: '', manifests: [config('Rec0rdedPw')] },
          snapshot: {},
          made: [],
        }),
    } as Partial<RecordStore> as RecordStore,
    keepSecret,
  )
  await Promise.all([
    client.get('/d/api'),
    client.get('/lists'),
    client.get('/none'),
    client.list('/api/v1/namespaces/n/configmaps'),
    client.patch('/d/api', 'apply', {}),
    records.load('r1', [0]),
  ])
  expect(secrets.redact('LivePassword1 ListedPassw0rd TriedPassword1 Rec0rdedPw red')).toBe(
    '*** *** *** *** red',
  )
})

test('Secrets are read, but for the records of releases', () => {
  const data = { a: Buffer.from('postgres://u:innerPw@db').toString('base64') }
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data }
  expect(secretsOfObject(secret)).toEqual(['postgres://u:innerPw@db', 'innerPw'])
  expect(secretsOfObject({ ...secret, type: 'runbook/release' })).toEqual([])
})
