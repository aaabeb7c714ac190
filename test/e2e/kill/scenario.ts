import type { Bed } from './bed.ts'
import type { BundleCall } from './bundle.ts'
import { faultKinds, type FaultKind } from './fault.ts'

/** A step that is to die, and the state in which it is started. */
export interface Scenario {
  name: string
  /** Whether the newer release may serve in the end. */
  newMayServe: boolean
  /** What may befall it. */
  kinds: readonly FaultKind[]
  /** Brings the bed there. @returns the call of the step */
  arrange(bed: Bed): Promise<BundleCall>
}

const well = { ill: false }
const ill = { ill: true }

const atWrites = faultKinds.filter(kind => kind !== 'kill-asking' && kind !== 'runner-dies')
/** A step that watches the service dies at its writes, between them, or when it is over. */
const watching: FaultKind[] = ['kill-before', 'kill-withheld', 'kill-answered', 'kill-asking', 'runner-dies']

async function deployed(bed: Bed): Promise<string> {
  const { state } = await bed.run(bed.deployCall(well))
  return state
}

async function finished(bed: Bed): Promise<void> {
  const state = await deployed(bed)
  await bed.run({ ...bed.call('deploy', await versionInput(bed)), file: 'post.js', state })
}

/** The post step is given the inputs of its main step. */
async function versionInput(bed: Bed): Promise<Record<string, string>> {
  const { ledger } = await bed.read()
  return { version: ledger.entries.at(-1)?.version ?? '', image: bed.stage.image }
}

export const scenarios: Scenario[] = [
  {
    name: 'deploy',
    newMayServe: false,
    kinds: [...atWrites, 'runner-dies'],
    arrange: bed => Promise.resolve(bed.deployCall(well)),
  },
  {
    name: 'deploy-ill',
    newMayServe: false,
    kinds: atWrites,
    arrange: bed => Promise.resolve(bed.deployCall(ill)),
  },
  {
    name: 'finish',
    newMayServe: true,
    kinds: atWrites,
    async arrange(bed) {
      const state = await deployed(bed)
      return { ...bed.call('deploy', await versionInput(bed)), file: 'post.js', state }
    },
  },
  {
    name: 'rollback-unfinished',
    newMayServe: false,
    kinds: atWrites,
    async arrange(bed) {
      await deployed(bed)
      return bed.call('rollback', { to: 'last-good' })
    },
  },
  {
    name: 'rollback-ill',
    newMayServe: false,
    kinds: atWrites,
    async arrange(bed) {
      await bed.run(bed.deployCall(ill), 'ill')
      return bed.call('rollback', { to: 'last-good' })
    },
  },
  {
    name: 'rollback-good',
    newMayServe: true,
    kinds: atWrites,
    async arrange(bed) {
      await finished(bed)
      bed.nextRun()
      return bed.call('rollback')
    },
  },
  {
    name: 'settle-unfinished',
    newMayServe: false,
    kinds: atWrites,
    async arrange(bed) {
      await deployed(bed)
      bed.nextJob()
      return bed.call('rollback', { settle: 'true' })
    },
  },
  {
    name: 'settle-ill',
    newMayServe: false,
    kinds: atWrites,
    async arrange(bed) {
      await bed.run(bed.deployCall(ill), 'ill')
      bed.nextJob()
      return bed.call('rollback', { settle: 'true' })
    },
  },
  {
    name: 'settle-gated',
    newMayServe: true,
    kinds: atWrites,
    async arrange(bed) {
      await deployed(bed)
      await bed.run(bed.call('health-gate'))
      bed.nextJob()
      return bed.call('rollback', { settle: 'true' })
    },
  },
  {
    name: 'health-gate',
    newMayServe: true,
    kinds: watching,
    async arrange(bed) {
      await deployed(bed)
      return bed.call('health-gate')
    },
  },
  {
    name: 'smoke-test',
    newMayServe: true,
    kinds: watching,
    async arrange(bed) {
      await deployed(bed)
      await bed.run(bed.call('health-gate'))
      return bed.call('smoke-test')
    },
  },
]
