import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findKubectl } from '../kubectl.ts'
import type { Part } from '../part.ts'
import { hostIp, ports } from '../places.ts'
import { mustBeFree, type Workshop } from '../workshop.ts'
import { read } from './api.ts'
import { certificatesIn, type Certificates } from './certificates.ts'

const daemon = 'metrics/metrics-server'
const name = 'metrics-server'
const labels = { 'k8s-app': name }

/** How the API server finds the server, which is no pod: a Service whose only endpoint is this machine. */
const registration = (files: Certificates) => ({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'kube-system', labels },
      spec: { ports: [{ name: 'https', port: 443, targetPort: ports.metrics }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${name}-lab`,
        namespace: 'kube-system',
        labels: { ...labels, 'kubernetes.io/service-name': name },
      },
      addressType: 'IPv4',
      ports: [{ name: 'https', port: ports.metrics }],
      endpoints: [{ addresses: [hostIp], conditions: { ready: true } }],
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.metrics.k8s.io', labels },
      spec: {
        group: 'metrics.k8s.io',
        version: 'v1beta1',
        service: { name, namespace: 'kube-system' },
        caBundle: readFileSync(files.ca).toString('base64'),
        groupPriorityMinimum: 100,
        versionPriority: 100,
      },
    },
  ],
})

async function startServer(shop: Workshop, files: Certificates): Promise<void> {
  await mustBeFree(shop, daemon, ports.metrics)
  const kubeconfig = files.kubeconfig('admin')
  shop.daemons.start({
    name: daemon,
    file: await shop.programs.build('metrics-server'),
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      `--bind-address=${hostIp}`,
      `--secure-port=${ports.metrics}`,
      `--tls-cert-file=${files.certificate('metrics-server')}`,
      `--tls-private-key-file=${files.key('metrics-server')}`,
      `--cert-dir=${join(shop.places.state, 'certificates')}`,
      '--kubelet-preferred-address-types=InternalIP',
      // The kubelet signs its own certificate.
      '--kubelet-insecure-tls',
      '--metric-resolution=10s',
      '--kubelet-request-timeout=5s',
    ],
  })
}

/** An API server of before there were metrics in the lab passes on no user's name, so that every answer would be 403. */
async function passesNamesOn(files: Certificates): Promise<boolean> {
  const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication'
  return (await read(files, path))?.includes('requestheader-client-ca-file') ?? false
}

/**
 * What nodes and pods use, measured by their kubelet: for `kubectl top`, and for HorizontalPodAutoscalers, which then scale
 * in earnest.
 */
export const metrics: Part = {
  name: 'metrics',
  after: ['node'],
  packages: () => [],
  async up(shop) {
    const files = certificatesIn(shop.places.state)
    if (!(await passesNamesOn(files))) {
      shop.say(
        'metrics',
        'the API server was started without them; they are there after the next down and up',
      )
      return {}
    }
    await startServer(shop, files)
    const kubectl = await findKubectl(shop)
    await shop.run(
      kubectl,
      [`--kubeconfig=${files.kubeconfig('admin')}`, 'apply', '--server-side', '-f', '-'],
      {
        stdin: JSON.stringify(registration(files)),
      },
    )
    await shop.until('the metrics of the node', daemon, 60, async () => {
      const text = await read(files, '/apis/metrics.k8s.io/v1beta1/nodes')
      return text !== undefined && (JSON.parse(text) as { items: unknown[] }).items.length > 0
    })
    return {}
  },
}
