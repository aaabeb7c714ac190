import { npmImage, programImage } from './images.ts'
import { deployment, probe, service } from './manifests.ts'
import type { ForeignService, Place } from './service.ts'

export const jsonServer: ForeignService = {
  name: 'json-server',
  because: 'Express from npm, started by its command; its data is a ConfigMap',
  image: npmImage({ 'json-server': '0.17.4' }, 'node_modules/.bin/json-server', {}),
  target: { kind: 'kubernetes', workload: 'deployment/json-server' },
  health: '/posts',
  page: { path: '/posts/1', status: 200 },
  files: {
    good: place => jsonServerFiles(place, '/data/db.json'),
    faulty: place => jsonServerFiles(place, '/data/missing/db.json'),
  },
}

function jsonServerFiles(place: Place, file: string): Record<string, string> {
  return {
    'k8s/all.yaml': [
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: db }\ndata:\n  db.json: '{"posts":[{"id":1,"title":"one"}]}'\n`,
      deployment(
        'json-server',
        `- name: api
  image: json-server
  args: [--host, 0.0.0.0, --port, '3000', --read-only, ${file}]
  ports: [{ containerPort: 3000 }]
  ${probe('/posts', 3000)}
  volumeMounts: [{ name: db, mountPath: /data }]
`,
        'volumes: [{ name: db, configMap: { name: db } }]',
      ),
      service('json-server', 3000, place),
    ].join('---\n'),
  }
}

export const fastify: ForeignService = {
  name: 'fastify',
  because: 'Fastify with a sidecar container that the release does not build',
  image: npmImage({ fastify: '5.6.1' }, 'app.js', {
    'app.js': `const app = require('fastify')()
app.get('/health/ready', async (request, reply) => (process.env.FEATURE === 'broken' ? reply.code(500).send({ ok: false }) : { ok: true }))
app.get('/health/live', async () => ({ ok: true }))
app.get('/v1/items', async () => [{ id: 9007199254740993n.toString() }])
app.listen({ host: '0.0.0.0', port: 8080 })
process.on('SIGTERM', () => app.close().then(() => process.exit(0)))
`,
  }),
  sidecar: programImage('prometheus-pushgateway'),
  target: { kind: 'kubernetes', workload: 'deployment/fastify' },
  health: '/health/ready',
  page: { path: '/v1/items', status: 200 },
  files: {
    good: place => fastifyFiles(place, 'on'),
    faulty: place => fastifyFiles(place, 'broken'),
  },
}

function fastifyFiles(place: Place, feature: string): Record<string, string> {
  return {
    'k8s/fastify.yaml': deployment(
      'fastify',
      `- name: web
  image: fastify
  env: [{ name: FEATURE, valueFrom: { configMapKeyRef: { name: fastify, key: feature } } }]
  ports: [{ containerPort: 8080 }]
  ${probe('/health/live', 8080)}
- name: metrics
  image: SIDECAR
  args: ['--web.listen-address=:9091']
  ports: [{ containerPort: 9091 }]
  ${probe('/-/ready', 9091)}
`,
    ),
    'k8s/config.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: fastify }\ndata: { feature: '${feature}' }\n`,
    'k8s/service.yaml': service('fastify', 8080, place),
  }
}

export const nest: ForeignService = {
  name: 'nest',
  because: 'NestJS with a global prefix, on Docker, and a faulty version that starts and then ends',
  image: npmImage(
    {
      '@nestjs/common': '11.1.6',
      '@nestjs/core': '11.1.6',
      '@nestjs/platform-express': '11.1.6',
      'reflect-metadata': '0.2.2',
      rxjs: '7.8.2',
    },
    'main.js',
    {
      'main.js': `require('reflect-metadata')
const { Controller, Get, Module } = require('@nestjs/common')
const { NestFactory } = require('@nestjs/core')
class Health { check() { return { status: 'up' } } list() { return ['a'] } }
Controller()(Health)
for (const [path, method] of [['health', 'check'], ['cats', 'list']])
  Get(path)(Health.prototype, method, Object.getOwnPropertyDescriptor(Health.prototype, method))
class App {}
Module({ controllers: [Health] })(App)
NestFactory.create(App, { logger: ['error', 'warn'] }).then(async app => {
  app.setGlobalPrefix('api')
  app.enableShutdownHooks()
  await app.listen(3000)
  if (process.env.CRASH === 'yes') setTimeout(() => { throw new Error('cats table is missing') }, 800)
})
`,
    },
  ),
  target: { kind: 'docker', ports: '3000', volumes: [] },
  health: '/api/health',
  page: { path: '/api/cats', status: 200 },
  files: {
    good: () => ({ 'docker.env': 'CRASH=no\n' }),
    faulty: () => ({ 'docker.env': 'CRASH=yes\n' }),
  },
}
