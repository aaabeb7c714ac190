import { chmodSync, copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { dockerHost } from './docker.ts'
import type { Part } from './part.ts'
import type { Workshop } from './workshop.ts'

/** The base image that the service's Dockerfile names. */
const image = 'node:24-bookworm-slim'
/** The npm that goes with Node 24. */
const npmVersion = '11.21.2'
const label = 'runbook.lab=base-image'
const certificates = '/etc/ssl/certs/ca-certificates.crt'

/** Copies a program with every shared library that its loader would open. */
async function copyProgram({ run }: Workshop, program: string, root: string, as: string): Promise<void> {
  copyFileSync(program, join(root, as))
  const libraries = (await run('ldd', [program])).match(/\/\S+/g) ?? []
  for (const library of new Set(libraries)) {
    mkdirSync(join(root, dirname(library)), { recursive: true })
    copyFileSync(library, join(root, library))
  }
}

/** npm, with this machine's settings: the registry that it uses and the authorities that it trusts. */
async function installNpm({ places, run }: Workshop, root: string): Promise<void> {
  // A cache of its own: under sudo, what root writes into the user's would be in npm's way later.
  const env = { npm_config_cache: join(places.state, 'npm'), npm_config_update_notifier: 'false' }
  const install = ['install', '--global', '--prefix', join(root, 'usr/local'), '--prefer-offline']
  await run('npm', [...install, '--no-audit', '--no-fund', `npm@${npmVersion}`], { env })
  const registry = (await run('npm', ['config', 'get', 'registry'], { env })).trim()
  mkdirSync(join(root, 'usr/local/etc'), { recursive: true })
  writeFileSync(join(root, 'usr/local/etc/npmrc'), `registry=${registry}\ncafile=${certificates}\n`)
}

const accounts: Record<string, string> = {
  passwd:
    // cspell:disable-next-line: the user of that name
    'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n',
  group: 'root:x:0:\nnode:x:1000:\nnogroup:x:65534:\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  'os-release': 'PRETTY_NAME="runbook-actions lab base image"\nID=debian\n',
}

/** A root file system that does what the service and its Dockerfile ask of the official image: node, npm, a shell. */
async function fill(shop: Workshop, root: string): Promise<void> {
  for (const folder of [
    'bin',
    'etc/ssl/certs',
    'home/node',
    'root',
    'tmp',
    'usr/bin',
    'usr/local/bin',
    'var/tmp',
  ]) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  await copyProgram(shop, process.execPath, root, 'usr/local/bin/node')
  await installNpm(shop, root)
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'))
  for (const applet of (await shop.run('/bin/busybox', ['--list'])).trim().split('\n')) {
    if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet))
  }
  symlinkSync('/bin/env', join(root, 'usr/bin/env'))
  copyFileSync(certificates, join(root, certificates))
  for (const [name, text] of Object.entries(accounts)) writeFileSync(join(root, 'etc', name), text)
  for (const folder of ['tmp', 'var/tmp']) chmodSync(join(root, folder), 0o1777)
  await shop.run('chown', ['1000:1000', join(root, 'home/node')])
}

/**
 * The image that the service is built on: the one Docker has, else the official one, else one made here from this
 * machine's Node. What is made here carries a label, and `down` takes it away again.
 */
export const baseImage: Part = {
  name: 'base-image',
  after: ['docker'],
  packages: () => [
    { name: 'busybox-static', holds: '/bin/busybox' },
    { name: 'ca-certificates', holds: certificates },
  ],
  async up(shop) {
    const { places, run, say } = shop
    if ((await run('docker', ['--host', dockerHost, 'image', 'ls', '--quiet', image])).trim() !== '')
      return {}
    say('base-image', `pulling ${image}`)
    if (await pulls(shop)) return {}
    say('base-image', `the registry cannot be reached: making ${image} from this machine's Node`)
    const folder = join(places.state, 'base-image')
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    await fill(shop, join(folder, 'root'))
    const archive = join(folder, 'root.tar')
    await run('tar', ['--numeric-owner', '-cf', archive, '-C', join(folder, 'root'), '.'])
    const path = 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    const changes = [path, 'CMD ["node"]', `LABEL ${label}`].flatMap(change => ['--change', change])
    await run('docker', ['--host', dockerHost, 'import', ...changes, archive, image])
    rmSync(folder, { recursive: true, force: true })
    return {}
  },
  async clean({ run, daemons }) {
    // Our own engine's images stay, like its build cache; a borrowed engine gets its name back.
    if (daemons.runs('docker/dockerd')) return
    const mine = await run('docker', [
      '--host',
      dockerHost,
      'image',
      'ls',
      '--quiet',
      '--filter',
      `label=${label}`,
      image,
    ]).catch(() => '')
    if (mine.trim() !== '')
      await run('docker', ['--host', dockerHost, 'image', 'rm', '--no-prune', image], { tolerate: [1] })
  },
}

/** Whether the official image came, within a minute and a half. */
async function pulls({ run }: Workshop): Promise<boolean> {
  return run('timeout', ['90', 'docker', '--host', dockerHost, 'pull', '--quiet', image]).then(
    () => true,
    () => false,
  )
}
