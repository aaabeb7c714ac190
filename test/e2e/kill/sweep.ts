import { makeBed, type Bed } from './bed.ts'
import type { Fault } from './fault.ts'
import { tryPoint, type Tried } from './point.ts'
import type { Scenario } from './scenario.ts'
import type { Stage } from './stage.ts'

/** One point: a step, what befalls it, and at which of its writes. */
export interface Point {
  scenario: Scenario
  fault: Fault
}

/** A place to die in, made anew whenever a point left it broken: the next one must not suffer for it. */
export interface Range {
  try(point: Point): Promise<Tried>
  close(): Promise<void>
}

/** @param enter makes a stage; each with another number */
export function openRange(enter: (number: number) => Promise<Stage>): Range {
  let bed: Bed | undefined
  let number = 0
  const leave = async () => {
    await bed?.stage.leave()
    bed = undefined
  }
  return {
    async try({ scenario, fault }) {
      bed ??= await makeBed(await enter(number++))
      try {
        const tried = await tryPoint(bed, scenario, fault)
        if (tried.broken.length > 0) await leave()
        return tried
      } catch (error) {
        await leave()
        const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
        return {
          reached: true,
          points: 0,
          line: '',
          liveMs: undefined,
          broken: [`it could not be tried: ${why}`],
        }
      }
    },
    close: leave,
  }
}

/** `kubernetes/deploy/kill-before/4` */
export function nameOf(target: Stage['target'], { scenario, fault }: Point): string {
  return [target, scenario.name, fault.kind, fault.at].join('/')
}
