import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { holdLock } from './lock.ts'
import type { Lab, LabParts } from './lab.ts'
import { installMissing } from './packages.ts'
import { lostLab } from './network.ts'
import type { Part } from './part.ts'
import { hostIp, type Places } from './places.ts'
import { Daemons } from './process.ts'
import { Programs } from './programs.ts'
import { runner, waiter, type Workshop } from './workshop.ts'

export type Say = (part: string, text: string) => void

function workshop(places: Places, say: Say, signal: AbortSignal): Workshop {
  const daemons = new Daemons(places.state)
  const programs = new Programs(places, signal, say)
  return { places, daemons, programs, say, signal, run: runner(signal), until: waiter(daemons, signal) }
}

/** An error with the part that it came from. */
export class PartError extends Error {
  readonly part: string
  constructor(part: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.part = part
  }
}

/**
 * Brings every part up, those that do not need each other at the same time, and writes down how they are reached. What
 * runs already stays as it is. When a part fails, or `signal` aborts, what this call started is stopped again.
 */
export async function up(places: Places, parts: Part[], say: Say, signal: AbortSignal): Promise<Lab> {
  const failed = new AbortController()
  const shop = workshop(places, say, AbortSignal.any([signal, failed.signal]))
  for (const folder of [places.state, places.bin, places.sockets]) mkdirSync(folder, { recursive: true })
  using _lock = await holdLock(places, say, signal)
  for (const part of parts) {
    try {
      part.refuse?.(places)
    } catch (cause) {
      throw new PartError(part.name, cause)
    }
  }
  const running = (name: string) => shop.daemons.runs(name)
  const fresh = !shop.daemons.names().some(running)
  try {
    // What a crash or a reboot left is cleared away, so that a lab always begins the same.
    const lost = lostLab(places)
    if (lost) await takeDown(lost, parts, say)
    if (fresh) await takeDown(places, parts, say)
    const packages = await Promise.all(parts.map(async part => part.packages()))
    await installMissing(packages.flat(), shop).catch((cause: unknown) => {
      throw new PartError('packages', cause)
    })
    const begun = new Map<string, Promise<Partial<LabParts>>>()
    const begin = async (part: Part) => {
      await Promise.all(part.after.flatMap(name => begun.get(name) ?? []))
      shop.signal.throwIfAborted()
      const startedAt = performance.now()
      const reached = await part.up(shop).catch((cause: unknown) => {
        throw new PartError(part.name, cause)
      })
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
      if (shop.daemons.hasStarted(part.name) || Number(seconds) >= 1) say(part.name, `up after ${seconds} s`)
      return reached
    }
    for (const part of parts) begun.set(part.name, begin(part))
    const all = [...begun.values()]
    // The first failure ends the others' waiting; then they are all waited for, so that none goes on behind our back.
    for (const one of all) one.catch((error: unknown) => failed.abort(error))
    const ends = await Promise.allSettled(all)
    shop.signal.throwIfAborted()
    const reached = ends.map(end => (end.status === 'fulfilled' ? end.value : {}))
    const lab = Object.assign({ hostIp }, ...reached) as Lab
    const file = join(places.state, 'lab.json')
    writeFileSync(`${file}.new`, `${JSON.stringify(lab, undefined, 2)}\n`, { mode: 0o600 })
    renameSync(`${file}.new`, file)
    await handOver(lab, shop)
    return lab
  } catch (error) {
    const begun = parts.filter(part => fresh || shop.daemons.hasStarted(part.name))
    say('lab', 'stopping what was started')
    await takeDown(places, begun, say).catch((failure: unknown) => {
      say('lab', `not all of it could be stopped, try script/lab down: ${String(failure)}`)
    })
    throw error
  }
}

/** Under sudo: gives the user who called what a test must read. */
async function handOver(lab: Lab, { places, run }: Workshop): Promise<void> {
  const user = process.env['SUDO_UID']
  if (user !== undefined) await run('chown', [user, join(places.state, 'lab.json'), lab.kubeconfig])
}

/** Ends the daemons of these parts and clears up after them, the last part first. Does no harm when nothing runs. */
async function takeDown(places: Places, parts: Part[], say: Say): Promise<void> {
  const shop = workshop(places, say, new AbortController().signal)
  for (const part of parts.toReversed()) {
    const mine = shop.daemons.names().filter(name => name.startsWith(`${part.name}/`))
    const running = mine.filter(name => shop.daemons.runs(name))
    for (const name of mine) await shop.daemons.stop(name)
    await part.clean?.(shop)
    if (running.length > 0) say(part.name, 'down')
  }
}

/** Ends everything that `up` started, also what an `up` that crashed left behind. Data and programs are kept. */
export async function down(places: Places, parts: Part[], say: Say, signal: AbortSignal): Promise<void> {
  mkdirSync(places.state, { recursive: true })
  using _lock = await holdLock(places, say, signal)
  rmSync(join(places.state, 'lab.json'), { force: true })
  await takeDown(places, parts, say)
  rmSync(places.sockets, { recursive: true, force: true })
}
