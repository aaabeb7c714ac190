import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { stringify } from 'yaml'
import { systemClock } from '../../../shared/host/clock.ts'
import { systemExec } from '../../../shared/host/exec.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import type { Adapters } from '../../../shared/targets/adapters.ts'
import { connect } from '../../../shared/targets/kubernetes/api/kubeconfig.ts'
import { silent } from '../../log.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'kubeconfig-'))
})
afterEach(() => rmSync(home, { recursive: true }))

function adapters(kubeconfig: string, env: Record<string, string> = {}): Adapters {
  return {
    clock: systemClock,
    exec: systemExec,
    log: silent,
    secrets: createSecrets(),
    env: { HOME: home, ...env },
    kubeconfig,
    hasEnded: () => false,
    signal: new AbortController().signal,
  }
}

const config = (name: string, user: object = { token: 'tok-en' }, cluster: object = {}) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: `https://${name}:6443`, ...cluster } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  })
const save = (file: string, text: string) => {
  writeFileSync(join(home, file), text)
  return join(home, file)
}

describe('the cluster is found', () => {
  test('in the content that was given, in a file, in KUBECONFIG, and at home, in this order', () => {
    mkdirSync(join(home, '.kube'))
    save('.kube/config', config('home'))
    const first = save('first', config('first'))
    const second = save('second', config('second'))
    const env = { KUBECONFIG: `${first}:${second}` }
    expect(connect(adapters('', {}), undefined).server.hostname).toBe('home')
    expect(connect(adapters('', env), undefined).server.hostname).toBe('first')
    expect(connect(adapters('', env), 'second').server.hostname).toBe('second')
    expect(connect(adapters(second, env), undefined).server.hostname).toBe('second')
    expect(connect(adapters(config('given'), env), undefined).server.hostname).toBe('given')
  })

  test('with certificates beside the file, and a token that is kept out of logs', async () => {
    save('ca.crt', 'CA')
    const file = save('config', config('a', { token: 'very-secret' }, { 'certificate-authority': 'ca.crt' }))
    const given = adapters(file)
    const connection = connect(given, undefined)
    expect(connection.agent.ca).toEqual(Buffer.from('CA'))
    expect(await connection.authorize()).toEqual({ authorization: 'Bearer very-secret' })
    expect(given.secrets.redact('it is very-secret')).toBe('it is ***')
  })

  test('with a plugin that gives the token', async () => {
    const answer = JSON.stringify({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'from-plugin' },
    })
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'echo', args: [answer] }
    expect(await connect(adapters(config('a', { exec })), undefined).authorize()).toMatchObject({
      authorization: 'Bearer from-plugin',
    })
    const broken = connect(adapters(config('a', { exec: { ...exec, command: 'false' } })), undefined)
    await expect(broken.authorize()).rejects.toThrow(/credential plugin failed/)
  })
})

test.each<[string, string, string | undefined, RegExp]>([
  ['none at all', '', undefined, /kubeconfig is missing/],
  ['a path to nothing', '/nowhere/config', undefined, /\/nowhere\/config cannot be read/],
  ['something else', 'apiVersion: v1\nkind: Pod\n', undefined, /has no clusters/],
  ['no YAML', 'apiVersion: [\n', undefined, /is not YAML/],
  ['another context', config('a'), 'b', /context is "b"; accepted: a/],
  ['lists that are none', '{"clusters": 1, "contexts": {}}', undefined, /another type .* at clusters$/],
  ['entries that are none', '{"clusters": [null]}', undefined, /another type .* at clusters\.0$/],
  [
    'a token that is a list',
    config('a', { token: ['x'] }),
    undefined,
    /another type .* at users\.0\.user\.token$/,
  ],
  [
    'a server without scheme',
    config('a', {}, { server: '10.0.0.1' }),
    undefined,
    /cluster a is "10\.0\.0\.1"/,
  ],
])('%s is refused with what to do', (_what, given, context, message) => {
  expect(() => connect(adapters(given), context)).toThrow(message)
  expect(() => connect(adapters(given), context)).toThrow(expect.objectContaining({ name: 'InputError' }))
})

test('a number where a text is wanted is that text, as kubectl reads it', async () => {
  const connection = connect(adapters(config('a', { username: 1, password: 23_456 })), undefined)
  expect(await connection.authorize()).toEqual({
    authorization: `Basic ${Buffer.from('1:23456').toString('base64')}`,
  })
})

test('no warning of the YAML parser shows a line of it', async () => {
  const warned: Error[] = []
  const onWarning = (warning: Error) => void warned.push(warning)
  process.on('warning', onWarning)
  try {
    const doubtful = `${stringify(JSON.parse(config('a')))}more: !unknown very-secret\n? { very-secret: 1 }\n: 2\n`
    expect(connect(adapters(doubtful), undefined).server.hostname).toBe('a')
    // Node emits warnings in a tick of their own.
    await new Promise(setImmediate)
    expect(warned).toEqual([])
  } finally {
    process.off('warning', onWarning)
  }
})
