import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enterRoom } from '../e2e/kubernetes/cluster.ts'
import { deployment } from '../e2e/kubernetes/manifests.ts'
import { startsNamed } from '../e2e/kubernetes/slow-starts.ts'
import { openStartStage } from '../e2e/kubernetes/start-stage.ts'
import { mustDeploy, openCheckout } from './bundle.ts'
import { inLanes } from './lanes.ts'
import type { Bench } from './measurement.ts'

/** Starts at a time: each is one Node process that mostly waits. */
const lanes = 8

/** Each start is deployed as the first release of its Deployment, and after one that was ready at once. */
const all = [
  ...startsNamed('first').map(start => ({ ...start, before: 'nothing' as const })),
  ...startsNamed('next').map(start => ({ ...start, before: 'a quick start' as const })),
]

/** Good starts that are slow or stumble, each deployed for itself: none of them may be reported as failed. */
export const starts: Bench = {
  name: 'starts',
  async run() {
    const room = enterRoom('bench-starts')
    const stage = await openStartStage(room)
    const work = mkdtempSync(join(tmpdir(), 'runbook-bench-'))
    try {
      const ends = await inLanes(lanes, all, async start => {
        const checkout = openCheckout({
          folder: join(work, start.name),
          service: start.name,
          kubeconfig: room.lab.kubeconfig,
          namespace: room.namespace,
          image: room.image,
        })
        if (start.before === 'a quick start') {
          checkout.write({ 'app.yaml': deployment({ name: start.name }) })
          await mustDeploy(checkout, 'v1.0.0')
        }
        checkout.write(start.manifests)
        const [step] = await Promise.all([
          checkout.deploy('v1.0.1', stage.image(start)),
          stage.bringLate(start),
        ])
        const seconds = Math.round((step.endedAt - step.startedAt) / 1_000)
        const what = `${start.what}, after ${start.before}`
        console.log(`   ${step.outcome.reason} after ${seconds} s: ${what}`)
        if (step.code !== 0) console.log(`     ${step.outcome.summary}`)
        room.kubectl('delete', 'deployment', start.name, '--ignore-not-found', '--wait=false')
        return { what, seconds, outcome: step.outcome }
      })
      const failed = ends.filter(({ outcome }) => outcome.reason === 'rollout-doomed')
      const late = ends.filter(
        ({ outcome }) => outcome.status !== 'success' && outcome.reason !== 'rollout-doomed',
      )
      const longest = Math.max(...ends.map(({ seconds }) => seconds))
      return [
        {
          name: 'false alarms',
          value: failed.length,
          unit: `of ${ends.length} good starts`,
          versus: 'kubectl and Helm at their defaults: none, as they wait for a deadline',
          aim: 'none',
          met: failed.length === 0 && late.length === 0,
          at: new Date().toISOString(),
          note: [
            `half of them first releases, half after a release that was ready at once; image pulled at the second or third try, readiness after 40 s, one restart, and the like; the longest took ${longest} s`,
            ...failed.map(({ what }) => `reported as failed: ${what}`),
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
