import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfiguration } from '../../../shared/checks/configuration.ts'
import type { Environment } from '../../../shared/runbook/environment.ts'
import { contextOf } from './context.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'configuration-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const read = (target: object, envFile = '.env') =>
  readConfiguration(
    contextOf(
      { root, envFile, target: target as Environment['target'] },
      { config: () => ({ REDIS_PASSWORD: 'secret', PORT: '2' }) },
    ),
  )

test('a container has its own environment, and the env-file over it', async () => {
  const env = { PORT: '1', REDIS_URL: 'redis://cache' }
  const all = { PORT: '2', REDIS_URL: 'redis://cache', REDIS_PASSWORD: 'secret' }
  expect(await read({ kind: 'docker', env })).toEqual(all)
  expect(await read({ kind: 'docker', env }, '')).toEqual(env)
})

test('a cluster has the ConfigMaps of its manifests, and the env-file over them', async () => {
  mkdirSync(join(root, 'k8s'))
  writeFileSync(
    join(root, 'k8s/all.yaml'),
    'kind: Deployment\n---\n---\nkind: ConfigMap\ndata: { REDIS_URL: redis://cache, POOL: 5 }\n---\nkind: ConfigMap\n',
  )
  writeFileSync(join(root, 'k8s/broken.yml'), 'kind: [')
  expect(await read({ kind: 'kubernetes', manifests: 'k8s' })).toEqual({
    REDIS_URL: 'redis://cache',
    POOL: '5',
    PORT: '2',
    REDIS_PASSWORD: 'secret',
  })
})
