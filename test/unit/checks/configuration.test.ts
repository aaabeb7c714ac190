import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfiguration } from '../../../shared/checks/environment/configuration.ts'
import type { Environment } from '../../../shared/config/environment.ts'
import { renderPayload } from '../../../shared/targets/docker/apply/payload.ts'
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

test('a container or a process has the env-file, and its own environment over it, as the release gives them', async () => {
  const env = { PORT: '1', REDIS_URL: 'redis://cache' }
  for (const kind of ['docker', 'process']) {
    expect(await read({ kind, env })).toEqual({ ...env, REDIS_PASSWORD: 'secret' })
    expect(await read({ kind, env }, '')).toEqual(env)
    expect(await read({ kind })).toEqual({ PORT: '2', REDIS_PASSWORD: 'secret' })
  }
  const spec = { kind: 'docker' as const, container: 'api', ports: ['1:1'], env }
  const context = { spec, environment: { name: 'staging' } } as unknown as Parameters<typeof renderPayload>[0]
  const { body } = renderPayload(context, { version: 'v1.0.0', image: 'api', config: { PORT: '2' } }, [])
  expect(body.create.Env).toContain('PORT=1')
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
