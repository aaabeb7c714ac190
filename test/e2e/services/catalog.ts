import { npmImage, programImage, type Ingredients } from './images.ts'

/** A service as its own team would keep it: programs of others, or another style than the reference service's. */
export interface ForeignService {
  name: string
  /** What makes it unlike the reference service. */
  because: string
  /** Builds its image without a tag of its own. @returns what to push */
  image: Ingredients
  /** Of the version that does not work, where the files of the repository alone do not make it so. */
  faultyImage?: Ingredients
  target: { kind: 'kubernetes'; workload: string } | { kind: 'docker'; ports: string; volumes: string[] }
  /** Answers 2xx while it is healthy. */
  health: string
  /** A path whose answer the smoke suite expects, with the status. */
  page: { path: string; status: number }
  /** Files of the repository by path: the version that works, and one that does not. */
  files: Record<'good' | 'faulty', (place: Place) => Record<string, string>>
  /** Writes something, and reads it back, where it keeps state. */
  state?: { write: (url: string) => Promise<void>; read: (url: string) => Promise<string>; holds: string }
}

/** Where this run of a service is. */
export interface Place {
  namespace: string
  nodePort: number
  /** A folder of the node that a volume can lie in. */
  folder: string
}

const service = (name: string, port: number, { nodePort }: Place) => `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec:
  type: NodePort
  selector: { app.kubernetes.io/name: ${name} }
  ports: [{ name: http, port: 80, targetPort: ${port}, nodePort: ${nodePort} }]
`

const restricted = `securityContext: { runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: { type: RuntimeDefault } }`

/** A Deployment with one container, as many teams write it: recommended labels, no namespace. */
function deployment(name: string, container: string, rest = '', replicas = 2): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, labels: { app.kubernetes.io/name: ${name} } }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app.kubernetes.io/name: ${name} } }
  template:
    metadata: { labels: { app.kubernetes.io/name: ${name} } }
    spec:
      ${restricted}
      containers:
${container.replaceAll(/^/gm, '        ').trimEnd()}
${rest.replaceAll(/^/gm, '      ').trimEnd()}
`
}

const probe = (path: string, port: number) =>
  `readinessProbe: { httpGet: { path: ${path}, port: ${port} }, periodSeconds: 1 }`

/** A volume of this node, for a claim that asks for nothing but a name. */
const volume = (claim: string, { namespace, folder }: Place) => `apiVersion: v1
kind: PersistentVolume
metadata: { name: ${namespace} }
spec:
  capacity: { storage: 64Mi }
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: ''
  claimRef: { namespace: ${namespace}, name: ${claim} }
  hostPath: { path: ${folder}, type: DirectoryOrCreate }
`

async function answer(url: string, init?: RequestInit): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000), ...init })
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return response.text()
}

const jsonServer: ForeignService = {
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

const fastify: ForeignService = {
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

const nest: ForeignService = {
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

const etcd: ForeignService = {
  name: 'etcd',
  because: 'a Go program in a StatefulSet with a claim, whose data has to survive every release',
  image: programImage('etcd'),
  target: { kind: 'kubernetes', workload: 'statefulset/etcd' },
  health: '/health',
  page: { path: '/version', status: 200 },
  files: {
    good: place => etcdFiles(place, '--auto-compaction-retention=1'),
    faulty: place => etcdFiles(place, '--no-such-flag=1'),
  },
  state: {
    write: async url => {
      const key = Buffer.from('order').toString('base64')
      const value = Buffer.from('lamp').toString('base64')
      await answer(`${url}/v3/kv/put`, { method: 'POST', body: JSON.stringify({ key, value }) })
    },
    read: url =>
      answer(`${url}/v3/kv/range`, {
        method: 'POST',
        body: JSON.stringify({ key: Buffer.from('order').toString('base64') }),
      }),
    holds: Buffer.from('lamp').toString('base64'),
  },
}

function etcdFiles(place: Place, flag: string): Record<string, string> {
  return {
    'k8s/etcd.yaml': `apiVersion: apps/v1
kind: StatefulSet
metadata: { name: etcd }
spec:
  serviceName: etcd
  replicas: 1
  selector: { matchLabels: { app.kubernetes.io/name: etcd } }
  template:
    metadata: { labels: { app.kubernetes.io/name: etcd } }
    spec:
      securityContext: { runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000 }
      terminationGracePeriodSeconds: 5
      containers:
        - name: etcd
          image: etcd
          args: [--data-dir=/data/etcd, '--listen-client-urls=http://0.0.0.0:2379', '--advertise-client-urls=http://etcd:2379', --log-level=warn, '${flag}']
          ports: [{ containerPort: 2379 }]
          ${probe('/health', 2379)}
          volumeMounts: [{ name: data, mountPath: /data }]
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], storageClassName: '', resources: { requests: { storage: 64Mi } } }
---
${service('etcd', 2379, place)}`,
    'before/volume.yaml': volume('data-etcd-0', place),
  }
}

const prometheus: ForeignService = {
  name: 'prometheus',
  because: 'a kustomization whose generated ConfigMap has another name in each version',
  image: programImage('prometheus'),
  target: { kind: 'kubernetes', workload: 'deployment/prometheus' },
  health: '/-/healthy',
  page: { path: '/api/v1/status/buildinfo', status: 200 },
  files: {
    good: place => prometheusFiles(place, 'scrape_interval: 15s'),
    faulty: place => prometheusFiles(place, 'scrape_interval: often'),
  },
}

function prometheusFiles(place: Place, setting: string): Record<string, string> {
  return {
    'k8s/kustomization.yaml': `resources: [deployment.yaml, service.yaml]
configMapGenerator: [{ name: prometheus, files: [prometheus.yml] }]
labels: [{ pairs: { team: metrics } }]
`,
    'k8s/prometheus.yml': `global: { ${setting} }\n`,
    'k8s/deployment.yaml': deployment(
      'prometheus',
      `- name: prometheus
  image: prometheus
  args: [--config.file=/etc/prometheus/prometheus.yml, --storage.tsdb.path=/data]
  ports: [{ containerPort: 9090 }]
  ${probe('/-/ready', 9090)}
  volumeMounts: [{ name: config, mountPath: /etc/prometheus }, { name: data, mountPath: /data }]
`,
      `volumes:
  - { name: config, configMap: { name: prometheus } }
  - { name: data, emptyDir: {} }`,
      1,
    ),
    'k8s/service.yaml': service('prometheus', 9090, place),
  }
}

const registry: ForeignService = {
  name: 'registry',
  because: 'strategy Recreate over one claim, configured by environment variables',
  image: programImage('docker-registry'),
  target: { kind: 'kubernetes', workload: 'deployment/registry' },
  health: '/v2/',
  page: { path: '/v2/_catalog', status: 200 },
  files: {
    good: place => registryFiles(place, '/data'),
    faulty: place => registryFiles(place, '/proc/1/nowhere'),
  },
}

function registryFiles(place: Place, root: string): Record<string, string> {
  const config = `version: 0.1
storage: { filesystem: { rootdirectory: ${root} } }
http: { addr: ':5000' }
health: { storagedriver: { enabled: true, interval: 1s, threshold: 1 } }
`
  return {
    'k8s/registry.yaml': [
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: registry }\ndata:\n  config.yml: |\n${config.replaceAll(/^/gm, '    ').trimEnd()}\n`,
      `apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: registry }
spec: { accessModes: [ReadWriteOnce], storageClassName: '', resources: { requests: { storage: 64Mi } } }
`,
      deployment(
        'registry',
        `- name: registry
  image: docker-registry
  args: [serve, /etc/registry/config.yml]
  ports: [{ containerPort: 5000 }]
  ${probe('/v2/', 5000)}
  volumeMounts: [{ name: config, mountPath: /etc/registry }, { name: data, mountPath: /data }]
`,
        `volumes:
  - { name: config, configMap: { name: registry } }
  - { name: data, persistentVolumeClaim: { claimName: registry } }`,
        1,
      ).replace('  replicas: 1\n', '  replicas: 1\n  strategy: { type: Recreate }\n'),
      service('registry', 5000, place),
    ].join('---\n'),
    'before/volume.yaml': volume('registry', place),
  }
}

const python: ForeignService = {
  name: 'python',
  because: 'Python that answers 503 for its first seconds and counts in a volume, on Docker',
  image: programImage('python', {
    'app.py': `import http.server, json, os, pathlib, signal, sys, time

born = time.monotonic()
counter = pathlib.Path('/data/count')

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def send(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('content-type', 'application/json')
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == '/ready':
            warm = time.monotonic() - born > 3 and os.environ.get('DATABASE') != 'gone'
            return self.send(200 if warm else 503, {'ready': warm})
        self.send(200, {'count': int(counter.read_text()) if counter.exists() else 0})

    def do_POST(self):
        counter.write_text(str(1 + (int(counter.read_text()) if counter.exists() else 0)))
        self.do_GET()

    def log_message(self, *arguments):
        pass

signal.signal(signal.SIGTERM, lambda *arguments: sys.exit(0))
http.server.ThreadingHTTPServer(('', 8000), Handler).serve_forever()
`,
  }),
  target: { kind: 'docker', ports: '8000', volumes: ['/data'] },
  health: '/ready',
  page: { path: '/count', status: 200 },
  files: {
    good: () => ({ 'docker.env': 'DATABASE=there\n' }),
    faulty: () => ({ 'docker.env': 'DATABASE=gone\n' }),
  },
  state: {
    write: async url => {
      await answer(`${url}/count`, { method: 'POST' })
    },
    read: url => answer(`${url}/count`),
    holds: '"count": 1',
  },
}

const pushgateway: ForeignService = {
  name: 'pushgateway',
  because: 'a program with its own health paths that keeps its state in memory and in a file, on Docker',
  image: programImage('prometheus-pushgateway'),
  faultyImage: programImage('prometheus-pushgateway', {}, ['--no-such-flag']),
  target: { kind: 'docker', ports: '9091', volumes: [] },
  health: '/-/healthy',
  page: { path: '/metrics', status: 200 },
  files: {
    good: () => ({ 'docker.env': 'SOME=thing\n' }),
    faulty: () => ({ 'docker.env': 'SOME=thing\n' }),
  },
}

/** Services that this project did not write, or that are written in another style than its own. */
export const foreignServices: ForeignService[] = [
  jsonServer,
  fastify,
  nest,
  etcd,
  prometheus,
  registry,
  python,
  pushgateway,
]
