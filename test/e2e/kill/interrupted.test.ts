import { afterAll, expect, jest, test } from '@jest/globals'
import { checks } from '../../../shared/checks/registry.ts'
import { unsettled } from '../../../shared/release/ledger.ts'
import { openDoor } from '../../lab/cutting-proxy.ts'
import { pushImages } from '../docker/yard.ts'
import { makeBed, type Bed } from './bed.ts'
import { runBundle, type BundleCall, type BundleEnd } from './bundle.ts'
import { enterDockerStage } from './docker-stage.ts'
import { strike, type Fault } from './fault.ts'
import { enterKubernetesStage } from './kubernetes-stage.ts'
import { settledDifferences } from './stage.ts'

// The root action, whose main step dies or is cancelled in the middle of a promotion: its post step, which GitHub runs next
// in the same job, brings the environment to rest. A post step that is killed too, as by GitHub five minutes after a job was
// cancelled, is made up for by the recovery job.

jest.setTimeout(300_000)

const seed = Number(process.env['KILL_SEED'] ?? 1)
const beds = {
  docker: enterDockerStage('interrupted', 23_031, pushImages()).then(makeBed),
  kubernetes: enterKubernetesStage('interrupted').then(makeBed),
}
const targets = Object.keys(beds) as (keyof typeof beds)[]
afterAll(async () => {
  for (const bed of Object.values(beds)) await (await bed).stage.leave()
})

/** The stage is no repository on GitHub, and its service has no tests of its own: what is tried here comes after the checks. */
const skip = checks.map(({ id }) => id).join(' ')

function promotion(bed: Bed, health: { ill: boolean }): BundleCall {
  bed.nextRun()
  const call = bed.deployCall(health)
  return { ...call, action: '.', inputs: { ...call.inputs, skip } }
}

/** The post step, and how many requests it sent to the target. */
async function runPost(
  bed: Bed,
  main: BundleCall,
  interrupted: string,
): Promise<BundleEnd & { requests: number }> {
  let requests = 0
  const door = await openDoor(bed.stage.upstream, {
    before() {
      requests++
    },
  })
  const through = bed.stage.through(door)
  const inputs = { ...main.inputs, ...through.inputs }
  const end = await runBundle({ ...main, inputs, file: 'post.js', interrupted, env: through.env })
  await door.close()
  return { ...end, requests }
}

async function expectAtRest(bed: Bed): Promise<void> {
  const { ledger, lease } = await bed.read()
  expect([unsettled(ledger), ledger.restoring, lease]).toEqual([undefined, null, null])
  const { entry, look } = await bed.serving()
  expect(await settledDifferences(() => bed.stage.compare(look, entry.id))).toEqual([])
}

/** Runs a promotion until its fault strikes. @returns how its main step ended */
async function interrupt(bed: Bed, main: BundleCall, fault: Fault): Promise<BundleEnd> {
  const struck = await strike(bed.stage, main, fault)
  expect(struck.place).toBeDefined()
  const end = await struck.ended
  await struck.door.close()
  return end
}

/** Writes of a promotion from its lock to its end, by target, once one has been counted. */
const counted = new Map<keyof typeof beds, number>()

test.each(targets)(
  'on %s, a promotion that came to its end leaves its post step nothing to do',
  async target => {
    const bed = await beds[target]
    const main = promotion(bed, { ill: false })
    const struck = await strike(bed.stage, main, { kind: 'runner-dies', at: 1 })
    const end = await struck.ended
    await struck.door.close()
    expect(end).toMatchObject({ code: 0, interrupted: '', outputs: { 'reason-code': 'settled-good' } })
    counted.set(target, struck.points)
    const post = await runPost(bed, main, end.interrupted)
    expect(post).toMatchObject({ code: 0, log: '', requests: 0 })
    await expectAtRest(bed)
  },
)

/** Places in a promotion: in its beginning, while it replaces the previous release, and near its end. */
const places = [0.15, 0.5, 0.85]

test.each(targets.flatMap(target => places.map(place => [target, place] as const)))(
  `on %s, one that is killed at %d of its writes is finished or undone by its post step (seed ${seed})`,
  async (target, place) => {
    const bed = await beds[target]
    const main = promotion(bed, { ill: false })
    const writes = counted.get(target) ?? 0
    expect(writes).toBeGreaterThan(5)
    const at = Math.max(1, Math.round(writes * place) - (seed % 3))
    const kind =
      (['kill-before', 'kill-withheld', 'kill-answered'] as const)[(seed + at) % 3] ?? 'kill-before'
    const { interrupted } = await interrupt(bed, main, { kind, at })
    expect(interrupted).toBe('killed')
    const post = await runPost(bed, main, interrupted)
    expect(post.log).toContain('was killed before its end')
    expect(post).toMatchObject({ code: 0 })
    await expectAtRest(bed)
  },
)

test.each(targets)('on %s, one that is killed in its gate is undone by its post step', async target => {
  const bed = await beds[target]
  const main = promotion(bed, { ill: false })
  const before = (await bed.read()).ledger.serving
  const { interrupted } = await interrupt(bed, main, { kind: 'kill-asking', at: 3 })
  const post = await runPost(bed, main, interrupted)
  expect(post.log).toContain('restored')
  expect(post).toMatchObject({ code: 0, interrupted: '' })
  const { ledger } = await bed.read()
  expect(ledger.serving).toBe(before)
  expect(ledger.entries.at(-1)).toMatchObject({ state: 'bad' })
  expect(ledger.acts.at(-1)?.because ?? '').toContain('its run was killed')
  await expectAtRest(bed)
})

test('one that is cancelled is at rest after its main step, or after its post step', async () => {
  const bed = await beds.kubernetes
  const main = promotion(bed, { ill: false })
  const { interrupted } = await interrupt(bed, main, {
    kind: 'cancel',
    at: Math.round((counted.get('kubernetes') ?? 0) / 2),
  })
  expect(['', 'cancelled']).toContain(interrupted)
  const post = await runPost(bed, main, interrupted)
  expect(post.code).toBe(0)
  if (interrupted !== '') expect(post.log).toContain('was cancelled before its end')
  await expectAtRest(bed)
})

test.each(targets)(
  'on %s, a post step that is killed too is made up for by the recovery job',
  async target => {
    const bed = await beds[target]
    const main = promotion(bed, { ill: true })
    const { interrupted } = await interrupt(bed, main, {
      kind: 'kill-answered',
      at: Math.round((counted.get(target) ?? 0) / 2),
    })
    const post = { ...main, file: 'post.js' as const, interrupted }
    await interrupt(bed, post, { kind: 'kill-answered', at: 3 })
    const { log } = await bed.run({
      ...bed.call('rollback', { settle: 'true' }),
      run: main.run,
      job: 'settle',
    })
    expect(log).toContain('restored')
    await expectAtRest(bed)
  },
)
