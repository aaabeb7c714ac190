import { expect, test } from '@jest/globals'
import type { KubeObject, PodTemplate } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import { prerequisitesOf } from '../../../shared/targets/kubernetes/migrate/prerequisites.ts'

const object = (apiVersion: string, kind: string, name: string, rest: object = {}): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'shop' },
  ...rest,
})
const rbac = 'rbac.authorization.k8s.io/v1'
const subject = (name: string) => ({ subjects: [{ kind: 'ServiceAccount', name, namespace: 'shop' }] })

const template: PodTemplate = {
  metadata: { labels: { job: 'migrate' } },
  spec: {
    serviceAccountName: 'migrator',
    imagePullSecrets: [{ name: 'pull' }],
    priorityClassName: 'first',
    runtimeClassName: 'gvisor',
    containers: [{ name: 'orders', image: 'orders', envFrom: [{ secretRef: { name: 'env' } }] }],
    volumes: [
      { name: 'scratch', persistentVolumeClaim: { claimName: 'scratch' } },
      { name: 'orders', csi: { driver: 'secrets', volumeAttributes: { secretProviderClass: 'vault' } } },
    ],
  },
}

const needed: KubeObject[] = [
  object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'externalsecrets', {
    spec: { group: 'secrets.example.com', names: { kind: 'ExternalSecret' } },
  }),
  object('v1', 'ServiceAccount', 'migrator', { imagePullSecrets: [{ name: 'pull-of-account' }] }),
  object('v1', 'Secret', 'pull'),
  object('v1', 'Secret', 'pull-of-account'),
  object('scheduling.k8s.io/v1', 'PriorityClass', 'first'),
  object('node.k8s.io/v1', 'RuntimeClass', 'gvisor'),
  object('v1', 'PersistentVolumeClaim', 'scratch', { spec: { storageClassName: 'fast' } }),
  object('storage.k8s.io/v1', 'StorageClass', 'fast'),
  object(rbac, 'RoleBinding', 'migrates', {
    ...subject('migrator'),
    roleRef: { kind: 'Role', name: 'migrating' },
  }),
  object(rbac, 'Role', 'migrating'),
  object('networking.k8s.io/v1', 'NetworkPolicy', 'to-database', {
    spec: { podSelector: { matchLabels: { job: 'migrate' } } },
  }),
  object('networking.k8s.io/v1', 'NetworkPolicy', 'of-jobs', {
    spec: {
      podSelector: {
        matchExpressions: [
          { key: 'job', operator: 'In', values: ['migrate'] },
          { key: 'app', operator: 'DoesNotExist' },
        ],
      },
    },
  }),
  object('secrets-store.example.com/v1', 'SecretProviderClass', 'vault'),
  object('secrets.example.com/v1', 'ExternalSecret', 'of-env', {
    spec: { target: { name: 'env' }, secretStoreRef: { name: 'store' } },
  }),
  object('secrets.example.com/v1', 'SecretStore', 'store'),
]
const others: KubeObject[] = [
  object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'routes', {
    spec: { group: 'web.example.com', names: { kind: 'Route' } },
  }),
  object('web.example.com/v1', 'Route', 'orders'),
  object('web.example.com/v1', 'Rollout', 'env', { spec: { template: {} } }),
  object('shop.example.com/v1', 'PriorityClass', 'first'),
  object('apps/v1', 'Deployment', 'orders'),
  object('v1', 'Service', 'orders'),
  object('v1', 'Secret', 'env'),
  object('v1', 'PersistentVolumeClaim', 'data'),
  object(rbac, 'RoleBinding', 'serves', { ...subject('orders'), roleRef: { kind: 'Role', name: 'serving' } }),
  object(rbac, 'Role', 'serving'),
  object('networking.k8s.io/v1', 'NetworkPolicy', 'of-orders', {
    spec: { podSelector: { matchLabels: { app: 'orders' } } },
  }),
]

test('what a migration needs beside its configuration is found by its references, and nothing of the workload', () => {
  const mixed = [...others, ...needed]
  const found = prerequisitesOf(template, mixed)
  expect(found.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual(
    needed.map(({ kind, metadata }) => `${kind}/${metadata.name}`),
  )
})

test('a pod that refers to nothing needs nothing', () => {
  const bare: PodTemplate = { spec: { containers: [{ name: 'a', image: 'a' }] } }
  expect(prerequisitesOf(bare, [...others, ...needed])).toEqual([])
})
