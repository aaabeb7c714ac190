import { mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { enterRoom, type Room } from '../e2e/kubernetes/cluster.ts'
import { deployment, service } from '../e2e/kubernetes/manifests.ts'
import { mustDeploy, openCheckout, type Checkout } from './bundle.ts'
import { median, type Bench, type Measurement } from './measurement.ts'
import { runProgram, textOf, type Ran } from './program.ts'

const rounds = 7
const mostMoreMs = 500
const pollEveryMs = 20

/** Old pods go before new ones come, so that a bad release leaves nothing serving: the worst there is to undo. */
const recreated = (text: string) =>
  text.replace('{ rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }', '{ type: Recreate }')
const manifests = {
  good: { 'app.yaml': recreated(deployment()), 'service.yaml': service },
  bad: { 'app.yaml': recreated(deployment({ script: 'exit 3' })), 'service.yaml': service },
}

/** From the verdict *doomed*, with nothing serving, to the old release serving again: by us and by kubectl, in turn. */
export const undo: Bench = {
  name: 'undo',
  async run() {
    const [ours, theirs] = [enterRoom('bench-undo-ours'), enterRoom('bench-undo-kubectl')]
    const work = mkdtempSync(join(tmpdir(), 'runbook-bench-'))
    try {
      const us = byUs(work, ours)
      const them = byKubectl(theirs)
      const undone = { ours: [] as Undone[], kubectl: [] as Undone[] }
      // The first undoing begins with a good release that has to be made, and is not counted.
      for (let round = 0; round <= rounds; round++) {
        await Promise.all([us.makeDoomed(), them.makeDoomed()])
        const [first, second] = [await us.undo(), await them.undo()]
        console.log(`   round ${round}: ours ${tell(first)}; kubectl ${tell(second)}`)
        if (round === 0) continue
        undone.ours.push(first)
        undone.kubectl.push(second)
      }
      return [
        compare('undo, until a client is served', undone, ({ servedMs }) => servedMs),
        compare('undo, until it is said', undone, ({ saidMs }) => saidMs),
      ]
    } finally {
      rmSync(work, { recursive: true })
      await Promise.all([ours.leave(), theirs.leave()])
    }
  },
}

interface Undone {
  /** From the verdict to the first answer of the old release. */
  servedMs: number
  /** From the verdict to the end of the program that brings it back. */
  saidMs: number
}

function tell({ servedMs, saidMs }: Undone): string {
  return `served after ${Math.round(servedMs)} ms, said after ${Math.round(saidMs)} ms`
}

interface Undoer {
  /** The bad release is there, known to be doomed, and nothing serves. */
  makeDoomed(): Promise<void>
  undo(): Promise<Undone>
}

function byUs(work: string, room: Room): Undoer {
  const { lab, namespace, image } = room
  const checkout: Checkout = openCheckout({
    folder: join(work, 'ours'),
    service: 'probe',
    kubeconfig: lab.kubeconfig,
    namespace,
    image,
  })
  let round = 0
  return {
    async makeDoomed() {
      if (round === 0) {
        checkout.write(manifests.good)
        await mustDeploy(checkout, 'v1.0.0')
        checkout.write(manifests.bad)
      }
      const step = await checkout.deploy(`v1.0.${++round}`)
      if (step.outcome.reason !== 'rollout-doomed') throw new Error(`it is not doomed:\n${textOf(step)}`)
    },
    // Without an address to probe a rollback ends inconclusive: what serves is all that is measured here.
    undo: () => watch(room, () => checkout.rollback()),
  }
}

function byKubectl(room: Room): Undoer {
  const { lab, namespace, image } = room
  const run = (...args: string[]) =>
    runProgram(lab.kubectl, ['--kubeconfig', lab.kubeconfig, '-n', namespace, ...args])
  const apply = (files: Record<string, string>) => {
    room.kubectlApply(Object.values(files).join('---\n').replace('image: e2e-probe', `image: ${image}`))
  }
  const status = ['rollout', 'status', 'deployment/probe', '--timeout=120s']
  let isGood = false
  return {
    async makeDoomed() {
      if (!isGood) {
        apply(manifests.good)
        await run(...status)
        isGood = true
      }
      apply(manifests.bad)
      // As late as our own verdict, which is at the second end of the container.
      const restarts = '{range .items[*]}{.status.containerStatuses[*].restartCount}{end}'
      for (;;) {
        const { lines } = await run('get', 'pods', '-o', `jsonpath=${restarts}`)
        if (lines.length === 1 && Number(lines[0]?.text) >= 1) return
        await pause(100)
      }
    },
    undo: () =>
      watch(room, async () => {
        const undone = await run('rollout', 'undo', 'deployment/probe')
        const followed = await run(...status)
        if (followed.code !== 0) throw new Error(textOf(followed))
        return { ...followed, startedAt: undone.startedAt }
      }),
  }
}

/** Brings back while a client asks the Service again and again. */
async function watch(room: Room, bringBack: () => Promise<Ran>): Promise<Undone> {
  const ip = room.kubectl('get', 'service', 'probe', '-o', 'jsonpath={.spec.clusterIP}')
  if (await answers(ip)) throw new Error('it still serves: there is nothing to undo')
  const [ran, servedAt] = await Promise.all([bringBack(), served(ip)])
  return { servedMs: servedAt - ran.startedAt, saidMs: ran.endedAt - ran.startedAt }
}

async function served(ip: string): Promise<number> {
  const giveUp = performance.now() + 120_000
  while (performance.now() < giveUp) {
    if (await answers(ip)) return performance.now()
    await pause(pollEveryMs)
  }
  throw new Error('the old release did not serve again within two minutes')
}

function answers(ip: string): Promise<boolean> {
  return new Promise(resolve => {
    const call = get({ host: ip, agent: false, timeout: 250 }, answer => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    call.on('timeout', () => call.destroy()).on('error', () => resolve(false))
  })
}

function compare(
  name: string,
  undone: { ours: Undone[]; kubectl: Undone[] },
  figure: (undone: Undone) => number,
): Measurement {
  const [ours, theirs] = [median(undone.ours.map(figure)), median(undone.kubectl.map(figure))]
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(2)} s`
  return {
    name,
    value: Math.round(ours - theirs),
    unit: "ms over kubectl's",
    versus: `ours ${seconds(ours)}, kubectl rollout undo + status ${seconds(theirs)}`,
    aim: `at most ${mostMoreMs} ms`,
    met: ours - theirs <= mostMoreMs,
    at: new Date().toISOString(),
    note: `median of ${rounds}; a crash loop with strategy Recreate, from the verdict on; kubectl brings the pod template back, we the whole release`,
  }
}
