import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Workshop } from './workshop.ts'

/*
 * Takes away what containers leave behind when their daemons were killed. What is ours is known by the lab's own names:
 * control groups, folders among a process's arguments, mount points.
 */

const roots = '/sys/fs/cgroup'

/** The control groups of one name: one with cgroup v2, one for each controller with v1. */
function cgroups(name: string): string[] {
  const candidates = [join(roots, name), ...list(roots).map(controller => join(roots, controller, name))]
  return candidates.filter(folder => existsSync(join(folder, 'cgroup.procs')))
}

/** The names in a folder; none when it is not there. */
export function list(folder: string): string[] {
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

/** Makes a control group, in every hierarchy. */
export async function makeCgroup(cgroup: string, { run }: Workshop): Promise<void> {
  const v2 = existsSync(join(roots, 'cgroup.controllers'))
  const hierarchies = v2 ? [''] : list(roots).filter(name => existsSync(join(roots, name, 'cgroup.procs')))
  await run('mkdir', ['-p', ...hierarchies.map(name => join(roots, name, cgroup))])
}

/** Kills every process in a control group and below it, and removes the group. */
export async function endCgroup(cgroup: string): Promise<void> {
  const deadline = Date.now() + 10_000
  for (const group of cgroups(cgroup).flatMap(descend)) {
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

/** Kills the processes that name a folder of ours among their arguments: shims, for instance, that outlived their containerd. */
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

/** Unmounts these folders and everything below them, the latest mount first. */
export async function unmountAll(folders: string[], { run }: Workshop): Promise<void> {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(point => folders.some(folder => `${point}/`.startsWith(`${folder}/`)))
  if (mounts.length > 0) await run('umount', ['--lazy', ...mounts.toReversed()], { tolerate: [32] })
}
