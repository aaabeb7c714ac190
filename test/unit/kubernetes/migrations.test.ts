import { describe, expect, test } from '@jest/globals'
import { checkMarks, isMigration, schemaNeeds } from '../../../shared/targets/kubernetes/migrate/marks.ts'
import { migrationsOf, tracesOf } from '../../../shared/targets/kubernetes/migrate/migrations.ts'
import { podTemplate, type KubeObject } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import type { KubernetesBody } from '../../../shared/targets/kubernetes/apply/body.ts'

const object = (kind: string, name: string, annotations: Record<string, string>, more = {}): KubeObject => ({
  apiVersion: kind === 'Job' ? 'batch/v1' : kind === 'Deployment' ? 'apps/v1' : 'v1',
  kind,
  metadata: { name, namespace: 'production', annotations },
  ...more,
})
const marked = { 'runbook/migration': 'true' }
const template = {
  spec: {
    serviceAccountName: 'migrator',
    containers: [
      {
        name: 'app',
        image: 'api@sha256:1',
        envFrom: [{ secretRef: { name: 'env' } }, { configMapRef: { name: 'elsewhere' } }],
        env: [{ name: 'env', valueFrom: { configMapKeyRef: { name: 'config', key: 'env' } } }],
      },
    ],
    volumes: [{ name: 'env', secret: { secretName: 'env' } }],
  },
}
const job = object('Job', 'migrate', marked, { spec: { template } })
const body: KubernetesBody = {
  version: 'v1.1.0',
  image: 'api@sha256:1',
  manifests: [
    object('Secret', 'env', {}, { data: { A: 'MQ==' } }),
    object('ConfigMap', 'config', {}),
    object('ServiceAccount', 'migrator', {}),
    job,
    object('Deployment', 'api', {}),
  ],
}

describe('a migration', () => {
  const [found] = migrationsOf(body, 'r2', 'api', 90_500)
  if (!found) throw new Error('no migration was found')

  test('is a Job of its release that ends in time and is tried once', () => {
    expect(found.job.metadata).toMatchObject({ name: 'migrate-r2', labels: { 'runbook/migration': 'true' } })
    expect(found.job.spec).toMatchObject({ activeDeadlineSeconds: 91, backoffLimit: 0 })
  })

  test('reads copies of what the release brings, and anything else as it is', () => {
    const spec = podTemplate(found.job)?.spec
    expect(spec?.containers[0]).toMatchObject({
      envFrom: [{ secretRef: { name: 'env-migration' } }, { configMapRef: { name: 'elsewhere' } }],
      env: [{ name: 'env', valueFrom: { configMapKeyRef: { name: 'config-migration', key: 'env' } } }],
    })
    expect(spec?.volumes).toEqual([{ name: 'env', secret: { secretName: 'env-migration' } }])
    expect(found.copies.map(({ metadata }) => metadata.name)).toEqual(['env-migration', 'config-migration'])
    expect(found.prerequisites.map(({ metadata }) => metadata.name)).toEqual(['migrator'])
  })

  test('keeps the limits that its manifest sets, but for a longer time', () => {
    const strict = { ...job, spec: { template, activeDeadlineSeconds: 30, backoffLimit: 3 } }
    const [own] = migrationsOf({ ...body, manifests: [strict] }, 'r2', 'api', 90_000)
    expect(own?.job.spec).toMatchObject({ activeDeadlineSeconds: 30, backoffLimit: 3 })
  })

  test('is the same work in another release, and another with another image', () => {
    expect(migrationsOf(body, 'r3', 'api', 1_000)[0]?.digest).toBe(found.digest)
    const other = structuredClone(body)
    const container = other.manifests.map(podTemplate).find(Boolean)?.spec.containers[0]
    if (container) container.image = 'api@sha256:2'
    expect(migrationsOf(other, 'r2', 'api', 1_000)[0]?.digest).not.toBe(found.digest)
  })

  test('leaves traces that are all known', () => {
    const names = tracesOf(body, 'r2', 'api').map(({ metadata }) => metadata.name)
    expect(names).toEqual(expect.arrayContaining(['migrate-r2', 'env-migration', 'config-migration', 'api']))
  })
})

describe('a mark', () => {
  test.each([
    ['on another kind', object('Deployment', 'api', marked), 'Deployment production/api is "true"'],
    ['with another word', object('Job', 'migrate', { 'runbook/migration': 'yes' }), 'is "yes"'],
    ['of a vague version', object('Job', 'migrate', { 'runbook/schema-needs': '>=1.4' }), 'is ">=1.4"'],
  ])('%s is refused', (_name, wrong, message) => {
    expect(() => checkMarks([wrong], 'k8s/prod')).toThrow(message)
  })

  test('that says false is none', () => {
    const off = object('Job', 'migrate', { 'runbook/migration': 'false' })
    expect(() => checkMarks([off], 'k8s/prod')).not.toThrow()
    expect(isMigration(off)).toBe(false)
  })

  test('of several schema needs the newest counts', () => {
    const needs = (version: string) => object('Job', 'x', { 'runbook/schema-needs': version })
    expect(schemaNeeds([needs('v1.9.0'), needs('v1.10.0'), job])).toBe('v1.10.0')
    expect(schemaNeeds([job])).toBeUndefined()
  })
})
