import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Part } from '../part.ts'
import { hostIp, networks, ports } from '../places.ts'
import { mustBeFree, type Workshop } from '../workshop.ts'
import { read } from './api.ts'
import { makeCertificates, type Certificates } from './certificates.ts'

const etcdPort = 12379
/** For what would take seconds to end in order: its data goes anyway. */
const stop = 'SIGKILL'
const flags = (settings: Record<string, string | number | boolean>) =>
  Object.entries(settings).map(([name, value]) => `--${name}=${value}`)

/** The cluster's store. Without fsync: its data need not survive a power cut. */
async function startEtcd(shop: Workshop): Promise<void> {
  await mustBeFree(shop, 'control-plane/etcd', etcdPort)
  const args = flags({
    'data-dir': join(shop.places.state, 'etcd'),
    'listen-client-urls': `http://127.0.0.1:${etcdPort}`,
    'advertise-client-urls': `http://127.0.0.1:${etcdPort}`,
    'listen-peer-urls': `http://127.0.0.1:${etcdPort + 1}`,
    'initial-advertise-peer-urls': `http://127.0.0.1:${etcdPort + 1}`,
    'initial-cluster': `default=http://127.0.0.1:${etcdPort + 1}`,
    'unsafe-no-fsync': true,
    'log-level': 'warn',
  })
  shop.daemons.start({ name: 'control-plane/etcd', file: await shop.programs.build('etcd'), args, stop })
}

async function startApiServer(shop: Workshop, files: Certificates): Promise<void> {
  await mustBeFree(shop, 'control-plane/kube-apiserver', ports.apiserver)
  const args = flags({
    'etcd-servers': `http://127.0.0.1:${etcdPort}`,
    'bind-address': hostIp,
    'advertise-address': hostIp,
    'secure-port': ports.apiserver,
    'service-cluster-ip-range': networks.services,
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'client-ca-file': files.ca,
    'tls-cert-file': files.certificate('apiserver'),
    'tls-private-key-file': files.key('apiserver'),
    'kubelet-client-certificate': files.certificate('admin'),
    'kubelet-client-key': files.key('admin'),
    'kubelet-preferred-address-types': 'InternalIP',
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': files.tokenKey,
    'service-account-signing-key-file': files.tokenKey,
    'cert-dir': join(shop.places.state, 'certificates'),
    // What it passes on to the metrics server, it passes on in the name of who asked.
    'requestheader-client-ca-file': files.ca,
    'requestheader-allowed-names': 'front-proxy',
    'requestheader-username-headers': 'X-Remote-User',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
    'proxy-client-cert-file': files.certificate('front-proxy'),
    'proxy-client-key-file': files.key('front-proxy'),
    'enable-aggregator-routing': true,
  })
  const file = await shop.programs.build('kube-apiserver')
  shop.daemons.start({ name: 'control-plane/kube-apiserver', file, args, stop })
  await shop.until('the API server', 'control-plane/kube-apiserver', 60, async () => {
    return (await read(files, '/readyz')) !== undefined
  })
}

async function startControllers(shop: Workshop, files: Certificates): Promise<void> {
  const common = { 'bind-address': '127.0.0.1', 'leader-elect': false }
  const identity = (holder: 'controller-manager' | 'scheduler') => ({
    kubeconfig: files.kubeconfig(holder),
    'authentication-kubeconfig': files.kubeconfig(holder),
    'authorization-kubeconfig': files.kubeconfig(holder),
  })
  shop.daemons.start({
    name: 'control-plane/kube-controller-manager',
    file: await shop.programs.build('kube-controller-manager'),
    args: flags({
      ...common,
      ...identity('controller-manager'),
      'root-ca-file': files.ca,
      'service-account-private-key-file': files.tokenKey,
      'use-service-account-credentials': true,
      'cluster-signing-cert-file': files.ca,
      'cluster-signing-key-file': files.caKey,
      // As soon as there are metrics: a test cannot wait for the minutes that a real cluster takes to be sure.
      'horizontal-pod-autoscaler-sync-period': '5s',
      'horizontal-pod-autoscaler-cpu-initialization-period': '10s',
      'horizontal-pod-autoscaler-initial-readiness-delay': '5s',
    }),
  })
  const scheduler = await shop.programs.build('kube-scheduler')
  const args = flags({ ...common, ...identity('scheduler') })
  shop.daemons.start({ name: 'control-plane/kube-scheduler', file: scheduler, args })
}

/** etcd, the API server, the controllers and the scheduler of Kubernetes. */
export const controlPlane: Part = {
  name: 'control-plane',
  after: ['network'],
  packages: () => [{ name: 'openssl', holds: 'openssl' }],
  async up(shop) {
    mkdirSync(join(shop.places.state, 'etcd'), { recursive: true })
    chmodSync(join(shop.places.state, 'etcd'), 0o700)
    const files = await makeCertificates(shop)
    await startEtcd(shop)
    await startApiServer(shop, files)
    await startControllers(shop, files)
    await shop.until('the default service account', 'control-plane/kube-controller-manager', 30, async () => {
      return (await read(files, '/api/v1/namespaces/default/serviceaccounts/default')) !== undefined
    })
    return { kubeconfig: files.kubeconfig('admin') }
  },
  /** A cluster begins empty at every `up`: what a crash left half done would only puzzle the next test. */
  clean({ places }) {
    rmSync(join(places.state, 'etcd'), { recursive: true, force: true })
    return Promise.resolve()
  },
}
