import { setTimeout as sleep } from 'node:timers/promises'
import { forward, openDoor, type Door, type Meddler, type Passing } from '../../lab/cutting-proxy.ts'
import { startBundle, type Bundle, type BundleCall, type BundleEnd } from './bundle.ts'
import type { Stage } from './stage.ts'

/**
 * What befalls a step at one of its writes, and when: `before` it is forwarded, when it was carried out and its answer
 * `withheld`, or once it was `answered`: then nothing that the step asks next comes through.
 */
export const faultKinds = [
  'kill-before',
  'kill-withheld',
  'kill-answered',
  /** The network is cut for good; the process lives on, and has to end by itself. */
  'cut-before',
  'cut-withheld',
  'cut-answered',
  /** The runner cancels the job: SIGINT, 7.5 s later SIGTERM, 2.5 s later SIGKILL. */
  'cancel',
  /** Killed before the write is forwarded, which arrives all the same: in the middle of the settle, or after its end. */
  'late-within',
  'late-after',
  /** Frozen with its write under way, or with the answer unread; woken when another run has finished. */
  'freeze-before',
  'freeze-answered',
  /** Killed at the first renewal of the lease after that write; until it comes, reads are held up. */
  'beat-before',
  'beat-withheld',
  'beat-answered',
  /** Killed when it has sent a request to the service, which is not answered: `at` counts those. */
  'kill-asking',
  /** It ends by itself, and the runner dies before the next step of its job: `at` is 1. */
  'runner-dies',
] as const
export type FaultKind = (typeof faultKinds)[number]

export interface Fault {
  kind: FaultKind
  /** Number of the write or request; 1 for the first. */
  at: number
}

/** What is left when the fault has struck. */
export interface Struck {
  /** Where it struck; undefined when the step ended before that. */
  place: string | undefined
  /** When it struck, on the clock of `performance.now()`. */
  diedAt: number
  /** The write at which it struck; undefined when it was at none. */
  at: Passing | undefined
  /** How the step ended; a frozen one, or one without a network, has not yet. */
  ended: Promise<BundleEnd>
  /** How many points of the fault's kind the step came to: writes, or requests to the service. */
  points: number
  /** Of the step. */
  door: Door
  /** Forwards the write that was kept back. */
  deliver(): Promise<void>
  /** Wakes the frozen process. */
  wake(): void
}

/** Runs a step until its fault strikes. The caller closes the door. */
export async function strike(stage: Stage, call: BundleCall, fault: Fault): Promise<Struck> {
  let at: Passing | undefined
  let place: string | undefined
  let diedAt = 0
  let wake: () => void = () => undefined
  const hit = Promise.withResolvers<undefined>()
  const strikeNow = (passing: Passing, what: () => void) => {
    at = passing
    place = lineOf(passing)
    diedAt = performance.now()
    what()
    hit.resolve(undefined)
  }
  const send = (name: NodeJS.Signals) => bundle.signal(name)
  const meddler = meddlerOf(fault, {
    kill: passing => strikeNow(passing, () => send('SIGKILL')),
    cut: passing => strikeNow(passing, () => door.shut()),
    cancel: passing => strikeNow(passing, () => send('SIGINT')),
    freeze: passing => strikeNow(passing, () => send('SIGSTOP')),
    woken: new Promise(resolve => (wake = resolve)),
  })
  const door: Door = await openDoor(stage.upstream, meddler)
  const through = stage.through(door)
  const bundle: Bundle = startBundle({
    ...call,
    inputs: { ...call.inputs, ...through.inputs },
    env: through.env,
  })
  const { ended } = bundle
  if (fault.kind === 'kill-asking')
    stage.front.strikeAt(fault.at, () => {
      place = `request ${fault.at} to the service`
      diedAt = performance.now()
      send('SIGKILL')
    })
  await Promise.race([hit.promise, ended])
  let points = door.writes.length
  if (fault.kind === 'kill-asking') {
    await ended
    points = stage.front.requests
    stage.front.strikeAt(0, () => undefined)
  }
  if (fault.kind === 'runner-dies') {
    place = 'between this step and the next'
    diedAt = performance.now()
  }
  const lives = fault.kind.startsWith('cut') || fault.kind.startsWith('freeze')
  if (at && fault.kind === 'cancel') await escalate(bundle)
  if (!at || !lives) await ended
  return {
    place,
    diedAt,
    at,
    ended,
    points,
    door,
    async deliver() {
      if (!at) return
      const answer = await forward(stage.upstream, at)
      at.status = answer.statusCode ?? 0
      await new Promise(resolve => answer.resume().on('close', resolve))
    },
    wake() {
      bundle.signal('SIGCONT')
      wake()
    },
  }
}

interface Strikes {
  kill: (passing: Passing) => void
  cut: (passing: Passing) => void
  cancel: (passing: Passing) => void
  freeze: (passing: Passing) => void
  woken: Promise<void>
}

function meddlerOf({ kind, at }: Fault, strikes: Strikes): Meddler {
  switch (kind) {
    case 'kill-before':
    case 'kill-withheld':
    case 'kill-answered':
      return ending(kind.slice(5), at, strikes.kill)
    case 'cut-before':
    case 'cut-withheld':
    case 'cut-answered':
      return ending(kind.slice(4), at, strikes.cut)
    case 'beat-before':
    case 'beat-withheld':
    case 'beat-answered':
      return atHeartbeat(kind.slice(5), at, strikes.kill)
    case 'late-within':
    case 'late-after':
      return ending('before', at, strikes.kill)
    case 'cancel':
      return {
        before(passing) {
          if (passing.write === at) strikes.cancel(passing)
        },
      }
    case 'freeze-before':
      return {
        async before(passing) {
          if (passing.write !== at) return
          strikes.freeze(passing)
          await strikes.woken
        },
      }
    case 'kill-asking':
    case 'runner-dies':
      return {}
    case 'freeze-answered':
      return {
        carriedOut(passing) {
          if (passing.write === at) strikes.freeze(passing)
        },
      }
  }
}

/** Ends the step, or its network, at one write; nothing comes through after that. */
function ending(phase: string, at: number, end: (passing: Passing) => void): Meddler {
  let last: Passing | undefined
  let isOver = false
  const over = (passing: Passing) => {
    isOver = true
    end(passing)
    throw new Error('cut off')
  }
  return {
    before(passing) {
      if (isOver) throw new Error('cut off')
      if (last) over(last)
      if (phase === 'before' && passing.write === at) over(passing)
    },
    carriedOut(passing) {
      if (phase === 'withheld' && passing.write === at) over(passing)
    },
    answered(passing) {
      if (phase === 'answered' && passing.write === at) last = passing
    },
  }
}

/** A write that comes this long after the one before, while reads are held up, is a renewal of the lease: milliseconds. */
const idleMs = 5_000

function atHeartbeat(phase: string, after: number, kill: (passing: Passing) => void): Meddler {
  let since = Infinity
  let inner: Meddler | undefined
  let release: () => void = () => undefined
  const beat = new Promise<void>(resolve => (release = resolve))
  return {
    async before(passing) {
      if (inner) return inner.before?.(passing)
      const now = performance.now()
      if (passing.write === undefined) {
        if (since < now && !looksForLease(passing)) await beat
        return undefined
      }
      if (now - since > idleMs) {
        inner = ending(phase, passing.write, kill)
        release()
        return inner.before?.(passing)
      }
      if (passing.write >= after) since = now
      return undefined
    },
    carriedOut: passing => inner?.carriedOut?.(passing),
    answered: passing => inner?.answered?.(passing),
  }
}

/** On Docker a holder looks for a newer lease among all containers, and renews its own only after such a look. */
function looksForLease({ url }: Passing): boolean {
  return url.includes('/containers/json')
}

/** What a runner does with a step of a cancelled job that does not end by itself. */
async function escalate(bundle: Bundle): Promise<void> {
  for (const [name, afterMs] of [
    ['SIGTERM', 7_500],
    ['SIGKILL', 2_500],
  ] as const) {
    const over = new AbortController()
    const late = sleep(afterMs, 'late', { signal: over.signal }).catch(() => 'ended')
    const first = await Promise.race([bundle.ended, late])
    over.abort()
    if (first !== 'late') return
    bundle.signal(name)
  }
}

/** A write in one line, without query and container number. */
export function lineOf({ method, url, status }: { method: string; url: string; status: number }): string {
  return `${method} ${url.replace(/[?].*/, '').replace(/[0-9a-f]{52}(?=\/|$)/, '')} ${status || ''}`.trim()
}
