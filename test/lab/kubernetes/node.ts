import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeCgroup } from '../leftovers.ts'
import type { Part } from '../part.ts'
import { hostIp, networks, type Places } from '../places.ts'
import { listens, type Workshop } from '../workshop.ts'
import { read } from './api.ts'
import { certificatesIn, node as nodeName, type Certificates } from './certificates.ts'
import { cniPlugins, containerdSocket, startContainerd } from './containerd.ts'
import { closeFirewall, openFirewall } from './firewall.ts'
import { clearNode, podCgroup } from './clear.ts'

/** The kubelet's settings; those that look odd let it run without systemd, on cgroup v1 and in a sandbox. */
const kubeletSettings = (places: Places, files: Certificates) => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  address: hostIp,
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: files.ca },
  },
  authorization: { mode: 'Webhook' },
  containerRuntimeEndpoint: `unix://${containerdSocket(places)}`,
  volumePluginDir: join(places.state, 'kubelet/plugins-extra'),
  podLogsDir: join(places.state, 'pod-logs'),
  cgroupDriver: 'cgroupfs',
  cgroupRoot: `/${podCgroup(places)}`,
  cgroupsPerQOS: true,
  enforceNodeAllocatable: ['pods'],
  failCgroupV1: false,
  failSwapOn: false,
  localStorageCapacityIsolation: false,
  makeIPTablesUtilChains: false,
  // The machine's disk belongs to others: it being full is no reason to evict a test's pods or drop its images.
  evictionHard: { 'memory.available': '100Mi' },
  imageGCHighThresholdPercent: 100,
  serializeImagePulls: false,
  syncFrequency: '10s',
})

async function startKubelet(shop: Workshop, files: Certificates): Promise<void> {
  const { places } = shop
  for (const folder of ['kubelet', 'pod-logs']) mkdirSync(join(places.state, folder), { recursive: true })
  const config = join(places.state, 'kubelet.json')
  writeFileSync(config, JSON.stringify(kubeletSettings(places, files)))
  shop.daemons.start({
    name: 'node/kubelet',
    file: await shop.programs.build('kubelet'),
    args: [
      `--config=${config}`,
      `--kubeconfig=${files.kubeconfig('kubelet')}`,
      `--root-dir=${join(places.state, 'kubelet')}`,
      `--cert-dir=${join(places.state, 'kubelet/pki')}`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${hostIp}`,
    ],
  })
}

async function startProxy(shop: Workshop, files: Certificates): Promise<void> {
  shop.daemons.start({
    name: 'node/kube-proxy',
    file: await shop.programs.build('kube-proxy'),
    args: [
      `--kubeconfig=${files.kubeconfig('kube-proxy')}`,
      `--hostname-override=${nodeName}`,
      '--proxy-mode=iptables',
      `--cluster-cidr=${networks.pods}`,
      '--conntrack-max-per-core=0',
      '--bind-address=127.0.0.1',
      '--metrics-bind-address=127.0.0.1:10249',
      '--healthz-bind-address=127.0.0.1:10256',
    ],
  })
}

/** Whether this kubelet, and not only one before it, says so. */
async function isReady(files: Certificates): Promise<boolean> {
  if (!(await listens(10248))) return false
  const text = await read(files, `/api/v1/nodes/${nodeName}`)
  if (text === undefined) return false
  const { status } = JSON.parse(text) as { status: { conditions?: { type: string; status: string }[] } }
  return (status.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True')
}

/** The cluster's one node: containerd, the kubelet and kube-proxy. Pods, logs, exec and NodePorts are real. */
export const node: Part = {
  name: 'node',
  after: ['control-plane', 'registry'],
  packages: () => [
    { name: 'containerd', holds: 'containerd' },
    { name: 'runc', holds: 'runc' },
    { name: 'containernetworking-plugins', holds: `${cniPlugins}/bridge` },
    { name: 'iptables', holds: 'iptables' },
    { name: 'conntrack', holds: 'conntrack' },
  ],
  async up(shop) {
    const files = certificatesIn(shop.places.state)
    await startContainerd(shop)
    await openFirewall(shop)
    // The kubelet wants it to be there.
    await makeCgroup(podCgroup(shop.places), shop)
    await startKubelet(shop, files)
    await startProxy(shop, files)
    await shop.until('the node to be Ready', 'node/kubelet', 90, () => isReady(files))
    return {}
  },
  async clean(shop) {
    // Where no node of ours has been, Kubernetes' chains belong to another cluster.
    if (!existsSync(join(shop.places.state, 'kubelet'))) return
    await closeFirewall(shop)
    await clearNode(shop)
  },
}
