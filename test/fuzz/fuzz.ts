import { isExpected, messageOf } from '../../shared/outcome/errors.ts'
import { WorkError, type Counters } from './instrument.ts'
import { createRandom, mutate } from './mutate.ts'

/** A parser of data from outside. */
export interface Target {
  name: string
  /** Reads one input, and checks what it states of the result. @returns what it read, or a promise of it */
  read: (input: Buffer) => unknown
  /** Errors beside InputError and ToolError that its callers expect. */
  expects?: (error: unknown) => boolean
  /** Inputs that reach further than chance: beside those in the corpus. */
  words?: string[]
  /** Branches that an input of 8 KiB may take, where that is more than `mostWork`. */
  mostWork?: number
}

/** An input after which something does not hold. */
export interface Finding {
  target: string
  why: string
  input: Buffer
}

/** What a run has done. */
export interface Tally {
  target: string
  inputs: number
  /** Inputs that were kept because they took a branch that none before had taken, or not as often. */
  kept: number
  /** Branches taken. */
  branches: number
  ms: number
  findings: Finding[]
}

/** When a run ends. */
export interface Bound {
  inputs: number
  ms: number
}

/** Branches for an input of 8 KiB: what is linear takes some ten thousand. */
const mostWork = 500_000
/** Milliseconds: beyond it, an expression backtracks. The machine may be busy: it is measured once more. */
const mostMs = 2_000
/** Of a result or a message, for each byte of an input, and beside it. */
const growth = { factor: 64, beside: 16_384 }
/** After so many findings, more say nothing. */
const mostFindings = 5

/** Runs the seeds, and then what comes of them: inputs that take new branches are changed further. */
export async function fuzz(
  target: Target,
  seeds: readonly Buffer[],
  counters: Counters,
  { seed, bound }: { seed: number; bound: Bound },
): Promise<Tally> {
  const random = createRandom(seed)
  const corpus: Buffer[] = []
  const most = new Uint8Array(counters.hits.length)
  const findings: Finding[] = []
  const whys = new Set<string>()
  const started = performance.now()
  let inputs = 0
  const attempt = async (input: Buffer, keeps: 'always' | 'when new') => {
    inputs++
    const why = await check(target, input, counters)
    if (why !== undefined && !whys.has(kindOf(why))) {
      whys.add(kindOf(why))
      findings.push({ target: target.name, why, input })
    }
    if (isNew(counters, most) || keeps === 'always') corpus.push(input)
  }
  for (const each of seeds) await attempt(each, 'always')
  if (corpus.length === 0) await attempt(Buffer.alloc(0), 'always')
  const words = [...(target.words ?? []), ...wordsOf(counters, most)].map(word => Buffer.from(word))
  const goesOn = () =>
    inputs < bound.inputs && findings.length < mostFindings && performance.now() - started < bound.ms
  while (goesOn()) {
    // The newest reach furthest.
    const index = corpus.length - 1 - Math.floor(random.below(corpus.length) * (random.below(100) / 100))
    await attempt(mutate(random, corpus[index] ?? Buffer.alloc(0), corpus, words), 'when new')
  }
  return {
    target: target.name,
    inputs,
    kept: corpus.length,
    branches: most.reduce((sum, hits) => sum + (hits > 0 ? 1 : 0), 0),
    ms: Math.round(performance.now() - started),
    findings,
  }
}

/** Why something does not hold after an input; undefined when all does. */
async function check(target: Target, input: Buffer, counters: Counters): Promise<string | undefined> {
  counters.hits.fill(0)
  counters.work = 0
  counters.mostWork = target.mostWork ?? mostWork
  const start = performance.now()
  const why = await outcomeOf(target, input)
  counters.mostWork = Infinity
  if (why === undefined && performance.now() - start > mostMs) {
    const again = performance.now()
    await outcomeOf(target, input)
    if (performance.now() - again > mostMs) return `takes ${Math.round(performance.now() - again)} ms`
  }
  return why
}

async function outcomeOf(target: Target, input: Buffer): Promise<string | undefined> {
  const most = input.length * growth.factor + growth.beside
  try {
    const size = sizeOf(await target.read(input), most)
    return size > most ? `gives more than ${most} characters` : undefined
  } catch (error) {
    if (error instanceof WorkError) return `does not end: ${error.message}`
    if (!isExpected(error) && target.expects?.(error) !== true)
      return `throws ${error instanceof Error ? error.name : typeof error}: ${messageOf(error)}`
    const said = messageOf(error).length
    return said > most ? `has a message of ${said} characters` : undefined
  }
}

/** Characters of a result, counted no further than is asked for. */
function sizeOf(value: unknown, most: number): number {
  let size = 0
  const left: unknown[] = [value]
  const seen = new Set<object>()
  while (left.length > 0 && size <= most) {
    const each = left.pop()
    size++
    if (typeof each === 'string' || Buffer.isBuffer(each)) size += each.length
    else if (typeof each === 'object' && each !== null && !seen.has(each)) {
      seen.add(each)
      if (each instanceof Map) left.push(...each.keys(), ...each.values())
      else for (const [key, part] of Object.entries(each)) left.push(key, part)
    }
  }
  return size
}

/** Findings that differ in their quoted input only are one. */
function kindOf(why: string): string {
  return why.replace(/"[^]*$|\d+/g, '').slice(0, 60)
}

/** Whether a branch was taken that was not before, or twice as often as before. */
function isNew({ hits, branches }: Counters, most: Uint8Array): boolean {
  let found = false
  const end = [...branches.values()].reduce((last, { to }) => Math.max(last, to), 0)
  for (let branch = 0; branch < end; branch++) {
    const hit = hits[branch] ?? 0
    const before = most[branch] ?? 0
    if (hit <= before || (before > 0 && hit < 2 * before)) continue
    most[branch] = hit
    found = true
  }
  return found
}

/** The words of the files of which anything was run. */
function wordsOf({ branches, words }: Counters, most: Uint8Array): string[] {
  const files = [...branches].filter(([, { from, to }]) => most.subarray(from, to).some(hits => hits > 0))
  return [...new Set(files.flatMap(([file]) => [...(words.get(file) ?? [])]))]
}
