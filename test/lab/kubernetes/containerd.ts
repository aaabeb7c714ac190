import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { networks, type Places } from '../places.ts'
import type { Workshop } from '../workshop.ts'

const daemon = 'node/containerd'
const pauseImage = 'lab.invalid/pause:1'
/** Where Debian puts the CNI plugins. */
export const cniPlugins = '/usr/lib/cni'
export const podBridge = 'lab-pods'

export const containerdFolder = (places: Places) => join(places.sockets, 'containerd')
export const containerdSocket = (places: Places) => join(containerdFolder(places), 'containerd.sock')

function settings(places: Places): string {
  const cni = join(places.state, 'cni')
  return `version = 2
root = "${join(places.state, 'containerd')}"
state = "${join(containerdFolder(places), 'state')}"
[grpc]
  address = "${containerdSocket(places)}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Without CAP_SYS_RESOURCE, as in many sandboxes, a lower score cannot be set, and every pod would fail.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${cniPlugins}"
    conf_dir = "${cni}"
`
}

/** One bridge for all pods, whose addresses this machine routes. */
function network(places: Places): string {
  return JSON.stringify({
    cniVersion: '0.4.0',
    name: places.name,
    plugins: [
      {
        type: 'bridge',
        bridge: podBridge,
        isGateway: true,
        // A pod that calls its own Service gets its own packet back.
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: networks.pods }]],
          routes: [{ dst: '0.0.0.0/0' }],
          dataDir: join(places.state, 'cni/addresses'),
        },
      },
    ],
  })
}

/** An image of nothing but the pause program, as `docker save` would write it. */
async function importPause({ places, programs, run }: Workshop): Promise<void> {
  const images = ['--address', containerdSocket(places), '--namespace', 'k8s.io', 'images']
  if ((await run('ctr', [...images, 'list', '--quiet'])).split('\n').includes(pauseImage)) return
  const folder = join(places.state, 'pause')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'root'), { recursive: true })
  copyFileSync(await programs.build('pause'), join(folder, 'root/pause'))
  await run('tar', ['-cf', join(folder, 'layer.tar'), '-C', join(folder, 'root'), 'pause'])
  const [digest = ''] = (await run('sha256sum', [join(folder, 'layer.tar')])).split(' ')
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const rootfs = { type: 'layers', diff_ids: [`sha256:${digest}`] }
  const config = { architecture, os: 'linux', config: { Entrypoint: ['/pause'] }, rootfs }
  const manifest = [{ Config: 'config.json', RepoTags: [pauseImage], Layers: ['layer.tar'] }]
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest))
  await run('tar', [
    '-cf',
    join(folder, 'pause.tar'),
    '-C',
    folder,
    'manifest.json',
    'config.json',
    'layer.tar',
  ])
  await run('ctr', [...images, 'import', join(folder, 'pause.tar')])
}

/**
 * Its socket is there before it serves kubelets, which end when they are refused: it has to look first at the containers
 * of an earlier run. That is over when it says this.
 */
function servesKubelets({ daemons }: Workshop): boolean {
  return daemons.tail(daemon, Infinity).includes('Start streaming server')
}

/** Starts the container runtime of the node, with a state folder, a socket and a network of its own. */
export async function startContainerd(shop: Workshop): Promise<void> {
  const { places } = shop
  for (const folder of ['containerd', 'cni']) mkdirSync(join(places.state, folder), { recursive: true })
  mkdirSync(containerdFolder(places), { recursive: true })
  const config = join(places.state, 'containerd.toml')
  writeFileSync(config, settings(places))
  writeFileSync(join(places.state, 'cni/lab.conflist'), network(places))
  shop.daemons.start({ name: daemon, file: 'containerd', args: ['--config', config] })
  const version = ['--address', containerdSocket(places), 'version']
  await shop.until('containerd', daemon, 30, () =>
    shop.run('ctr', version).then(
      () => servesKubelets(shop),
      () => false,
    ),
  )
  await importPause(shop)
}
