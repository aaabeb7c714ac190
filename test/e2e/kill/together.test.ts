import { afterAll, describe, expect, jest, test } from '@jest/globals'
import { unsettled } from '../../../shared/release/ledger.ts'
import { openDoor, type Passing } from '../../lab/cutting-proxy.ts'
import { pushImages } from '../docker/yard.ts'
import { makeBed, type Bed } from './bed.ts'
import { startBundle, type BundleCall, type BundleEnd } from './bundle.ts'
import { enterDockerStage } from './docker-stage.ts'
import { strike } from './fault.ts'
import { enterKubernetesStage } from './kubernetes-stage.ts'
import { settledDifferences } from './stage.ts'

jest.setTimeout(600_000)

const beds = {
  kubernetes: enterKubernetesStage('together').then(makeBed),
  docker: enterDockerStage('together', 23_003, pushImages()).then(makeBed),
}
afterAll(async () => {
  for (const bed of Object.values(beds)) await (await bed).stage.leave()
})

interface Ended extends BundleEnd {
  /** What it changed, in order, with the moments at which the answers came. */
  changes: { line: string; at: number }[]
}

/** Runs a bundle to its end, and notes what it changed and when. */
async function watched(bed: Bed, call: BundleCall): Promise<Ended> {
  const changes: Ended['changes'] = []
  const door = await openDoor(bed.stage.upstream, {
    carriedOut({ method, url, status }) {
      if (status < 300) changes.push({ line: `${method} ${url}`, at: performance.now() })
    },
  })
  const through = bed.stage.through(door)
  const end = await startBundle({
    ...call,
    inputs: { ...call.inputs, ...through.inputs },
    env: through.env,
  }).ended
  await door.close()
  return { ...end, changes }
}

/** The service itself: not the lease, nor where records are kept. */
function ofService({ changes }: Ended): number[] {
  return changes
    .filter(({ line }) => !/\/leases\/|\/secrets\/|\/archive|lease-|DELETE \/v[\d.]+\/containers/.test(line))
    .map(({ at }) => at)
}

async function expectWhole(bed: Bed): Promise<void> {
  const { entry, look } = await bed.serving()
  expect(await settledDifferences(() => bed.stage.compare(look, entry.id))).toEqual([])
}

describe.each(['kubernetes', 'docker'] as const)('on %s', target => {
  test('of two deploys at once one works and the other waits, and says for whom', async () => {
    const bed = await beds[target]
    bed.nextRun()
    const deploy = bed.deployCall({ ill: false })
    // Whichever comes second waits for this long, less what it takes to end in order.
    const first = { ...deploy, inputs: { ...deploy.inputs, timeout: '30s' } }
    bed.nextRun()
    const second = { ...bed.call('deploy'), inputs: first.inputs }
    const both = await Promise.all([watched(bed, first), watched(bed, second)])
    const [winner, loser] = both[0].code === 0 ? both : [both[1], both[0]]
    const run = winner === both[0] ? first.run : second.run

    expect(winner.outputs['reason-code']).toBe('done')
    expect(loser.outputs['reason-code']).toBe('lease-held')
    expect(ofService(loser)).toEqual([])
    expect(loser.log).toContain(
      `run ${run} of org/doomed (https://github.com/org/doomed/actions/runs/${run})`,
    )
    expect(loser.log).toMatch(/at the latest in [\d.a-z ]+, at \d\d:\d\d:\d\d UTC/)
    const settled = await bed.run({ ...bed.call('rollback', { settle: 'true' }), run, job: 'settle' })
    expect(settled.outputs['reason-code']).toBe('restored')
    await expectWhole(bed)
  })

  test('a settle of another run leaves a deploy that works alone', async () => {
    const bed = await beds[target]
    bed.nextRun()
    const deploy = bed.deployCall({ ill: false })
    bed.nextRun()
    const settle = { ...bed.call('rollback', { settle: 'true' }) }
    const over = new AbortController()
    const working = { ...deploy, inputs: { ...deploy.inputs, timeout: '90s' } }
    const deploying = watched(bed, working).finally(() => over.abort())
    // Before the intent is written down, nothing is unfinished.
    while (!over.signal.aborted && !unsettled((await bed.read()).ledger));
    const others: Ended[] = []
    while (!over.signal.aborted || others.length === 0) others.push(await watched(bed, settle))
    const end = await deploying

    expect(end.outputs['reason-code']).toBe('done')
    for (const each of others) {
      expect(each.outputs['reason-code']).toBe('lease-held')
      expect(each.changes).toEqual([])
      expect(each.log).toContain(`run ${deploy.run} of org/doomed (https://`)
    }
    await bed.run({ ...bed.call('rollback', { settle: 'true' }), run: deploy.run })
    await expectWhole(bed)
  })
})

test('a holder that was frozen past its deadline changes nothing more when it wakes up', async () => {
  await Promise.all(
    Object.values(beds).map(async ready => {
      const bed = await ready
      bed.nextRun()
      const call = bed.deployCall({ ill: false })
      // In the middle of its work, with the change of an object that is there under way: a creation cannot be fenced.
      const struck = await strike(bed.stage, call, {
        kind: 'freeze-before',
        at: bed.stage.target === 'docker' ? 15 : 9,
      })
      expect(struck.at).toBeDefined()
      bed.nextRun()
      const settle = bed.call('rollback', { settle: 'true' })
      const early = await watched(bed, settle)
      expect(early.outputs['reason-code']).toBe('lease-held')

      // A stranger's deploy waits out the deadline, brings back what was good, and releases.
      const next = bed.deployCall({ ill: false })
      const taker = await watched(bed, next)
      expect(taker.outputs['reason-code']).toBe('done')
      const print = await bed.stage.fingerprint()
      const before = struck.door.writes.length
      struck.wake()
      const woken = await struck.ended
      const late = [struck.at, ...struck.door.writes.slice(before)].filter(
        (each): each is Passing => each !== undefined && each.status > 0 && each.status < 300,
      )
      await struck.door.close()

      expect(woken.outputs['reason-code']).toBe('lease-lost')
      expect(woken.log).toContain(`run ${next.run} of org/doomed`)
      expect(late).toEqual([])
      expect(await bed.stage.fingerprint()).toBe(print)
    }),
  )
})
