import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enterRoom } from '../e2e/kubernetes/cluster.ts'
import { slowStarts } from '../e2e/kubernetes/slow-starts.ts'
import { openStartStage } from '../e2e/kubernetes/start-stage.ts'
import { openCheckout } from './bundle.ts'
import { inLanes } from './lanes.ts'
import type { Bench } from './measurement.ts'

/** Starts at a time: each is one Node process that mostly waits. */
const lanes = 8

/** Good starts that are slow or stumble, each deployed for itself: none of them may be called doomed. */
export const starts: Bench = {
  name: 'starts',
  async run() {
    const room = enterRoom('bench-starts')
    const stage = await openStartStage(room)
    const work = mkdtempSync(join(tmpdir(), 'runbook-bench-'))
    try {
      const ends = await inLanes(lanes, slowStarts, async start => {
        const checkout = openCheckout({
          folder: join(work, start.name),
          service: start.name,
          kubeconfig: room.lab.kubeconfig,
          namespace: room.namespace,
          image: stage.image(start),
        })
        checkout.write(start.manifests)
        const [step] = await Promise.all([checkout.deploy('v1.0.0'), stage.bringLate(start)])
        const seconds = Math.round((step.endedAt - step.startedAt) / 1_000)
        console.log(`   ${step.outcome.reason} after ${seconds} s: ${start.what}`)
        if (step.code !== 0) console.log(`     ${step.outcome.summary}`)
        room.kubectl('delete', 'deployment', start.name, '--ignore-not-found', '--wait=false')
        return { ...start, seconds, outcome: step.outcome }
      })
      const doomed = ends.filter(({ outcome }) => outcome.reason === 'rollout-doomed')
      const late = ends.filter(
        ({ outcome }) => outcome.status !== 'success' && outcome.reason !== 'rollout-doomed',
      )
      const longest = Math.max(...ends.map(({ seconds }) => seconds))
      return [
        {
          name: 'false alarms',
          value: doomed.length,
          unit: `of ${ends.length} good starts`,
          versus: 'kubectl and Helm at their defaults: none, as they wait for a deadline',
          aim: 'none',
          met: doomed.length === 0 && late.length === 0,
          at: new Date().toISOString(),
          note: [
            `image pulled at the second or third try, readiness after 40 s, one restart, and the like; the longest took ${longest} s`,
            ...doomed.map(({ what }) => `called doomed: ${what}`),
            ...late.map(({ what, outcome }) => `not deployed (${outcome.reason}): ${what}`),
          ].join('; '),
        },
      ]
    } finally {
      rmSync(work, { recursive: true })
      await stage.close()
      await room.leave()
    }
  },
}
