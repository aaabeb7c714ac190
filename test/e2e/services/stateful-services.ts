import { createHash } from 'node:crypto'
import { programImage } from './images.ts'
import { answer, deployment, probe, service, volume } from './manifests.ts'
import type { ForeignService, Place } from './service.ts'

export const etcd: ForeignService = {
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

export const prometheus: ForeignService = {
  name: 'prometheus',
  because:
    'a kustomization whose generated ConfigMap has another name in each version, with an init container that goes on as sidecar',
  image: programImage('prometheus'),
  sidecar: programImage('prometheus-pushgateway'),
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
      `initContainers:
  - name: push
    image: SIDECAR
    restartPolicy: Always
    args: ['--web.listen-address=:9091']
    startupProbe: { httpGet: { path: /-/ready, port: 9091 }, periodSeconds: 1 }
volumes:
  - { name: config, configMap: { name: prometheus } }
  - { name: data, emptyDir: {} }`,
      1,
    ),
    'k8s/service.yaml': service('prometheus', 9090, place),
  }
}

const layer = 'a layer of an image'
const layerPath = `/v2/orders/blobs/sha256:${createHash('sha256').update(layer).digest('hex')}`

export const registry: ForeignService = {
  name: 'registry',
  because:
    'strategy Recreate over one claim; its faulty version answers every read, and cannot store anything',
  image: programImage('docker-registry'),
  target: { kind: 'kubernetes', workload: 'deployment/registry' },
  health: '/v2/',
  page: { path: '/v2/_catalog', status: 200 },
  write: { method: 'POST', path: '/v2/smoke/blobs/uploads/', status: 202 },
  files: {
    good: place => registryFiles(place, '/data'),
    faulty: place => registryFiles(place, '/proc/1/nowhere'),
  },
  state: {
    write: async url => {
      const upload = await fetch(`${url}/v2/orders/blobs/uploads/`, { method: 'POST' })
      const place = new URL(upload.headers.get('location') ?? '', url)
      place.searchParams.set('digest', layerPath.slice(layerPath.indexOf('sha256:')))
      await answer(place.href, { method: 'PUT', body: layer })
    },
    read: url => answer(url + layerPath),
    holds: layer,
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
  image: registry
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
