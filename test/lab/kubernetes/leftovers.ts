import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Places } from '../places.ts'
import type { Workshop } from '../workshop.ts'
import { containerdFolder, podBridge, podNetwork } from './containerd.ts'

/** The control group that holds every pod of the lab, and nothing else: to end what is in it is to end the pods. */
export const cgroup = 'runbook-lab'

const roots = '/sys/fs/cgroup'

/** The lab's control groups: one with cgroup v2, one for each controller with v1. */
function cgroups(): string[] {
  const candidates = [join(roots, cgroup), ...list(roots).map(name => join(roots, name, cgroup))]
  return candidates.filter(folder => existsSync(join(folder, 'cgroup.procs')))
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** A group and those below it, the deepest first. */
function descend(folder: string): string[] {
  const below = readdirSync(folder, { withFileTypes: true }).filter(entry => entry.isDirectory())
  return [...below.flatMap(entry => descend(join(folder, entry.name))), folder]
}

/** Makes the group in which the kubelet puts its own. It must be there, in every hierarchy, before the kubelet starts. */
export async function makeCgroup({ run }: Workshop): Promise<void> {
  const v2 = existsSync(join(roots, 'cgroup.controllers'))
  const hierarchies = v2 ? [''] : list(roots).filter(name => existsSync(join(roots, name, 'cgroup.procs')))
  await run('mkdir', ['-p', ...hierarchies.map(name => join(roots, name, cgroup))])
}

/** Kills every process of the pods, also when the kubelet and containerd are gone, and removes the groups. */
async function endPods(): Promise<void> {
  const deadline = Date.now() + 10_000
  for (const group of cgroups().flatMap(descend)) {
    for (;;) {
      const pids = readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)
      for (const pid of pids) kill(Number(pid))
      if (pids.length === 0 || Date.now() > deadline) break
      await pause(20)
    }
    try {
      rmdirSync(group)
    } catch {
      // A process that the kernel has not let go of yet: the next `down` removes the empty group.
    }
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It was faster.
  }
}

/** Kills the processes that name a folder of ours among their arguments: containerd's shims, in whatever state. */
export function endProcessesOf(folder: string): void {
  for (const name of list('/proc').filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    let words: string[] = []
    try {
      words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
    } catch {
      continue
    }
    if (words.some(word => word.startsWith(`${folder}/`))) kill(Number(name))
  }
}

/** Unmounts everything below these folders, the latest mount first. */
export async function unmountBelow(folders: string[], { run }: Workshop): Promise<void> {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(point => folders.some(folder => point.startsWith(`${folder}/`)))
  if (mounts.length > 0) await run('umount', ['--lazy', ...mounts.toReversed()], { tolerate: [32] })
}

/** Removes the network namespaces of pods, by CNI's own records, which carry our network's name. */
async function removeNetworks({ places, run }: Workshop): Promise<void> {
  const records = '/var/lib/cni/results'
  for (const file of list(records).filter(name => name.startsWith(`${podNetwork}-`))) {
    const { netns } = JSON.parse(readFileSync(join(records, file), 'utf8')) as { netns?: string }
    const name = netns?.split('/').at(-1)
    if (name !== undefined) await run('ip', ['netns', 'delete', name], { tolerate: [1] })
    rmSync(join(records, file), { force: true })
  }
  if (existsSync(`/sys/class/net/${podBridge}`)) await run('ip', ['link', 'delete', podBridge])
  rmSync(join(places.state, 'cni'), { recursive: true, force: true })
}

/** The folders of the node that begin empty at every `up`. containerd's stays: it holds the images. */
function removeFolders(places: Places): void {
  for (const name of ['kubelet', 'pod-logs'])
    rmSync(join(places.state, name), { recursive: true, force: true })
  rmSync(containerdFolder(places), { recursive: true, force: true })
  for (const link of list('/var/log/containers')) {
    const file = join('/var/log/containers', link)
    if (!existsSync(file)) rmSync(file, { force: true })
  }
}

/** Ends pods, shims, mounts and networks of the node once its daemons have ended, or have crashed. */
export async function clearNode(shop: Workshop): Promise<void> {
  await endPods()
  endProcessesOf(containerdFolder(shop.places))
  await unmountBelow([containerdFolder(shop.places), join(shop.places.state, 'kubelet')], shop)
  await removeNetworks(shop)
  removeFolders(shop.places)
}
