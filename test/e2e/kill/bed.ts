import type { Entry, Ledger } from '../../../shared/release/ledger.ts'
import type { Lease } from '../../../shared/release/lease.ts'
import { openDoor } from '../../lab/cutting-proxy.ts'
import { runBundle, type BundleCall, type BundleEnd } from './bundle.ts'
import { versionOf, type Look, type Stage } from './stage.ts'

/** A stage with a good release on it, upon which one step after the other dies. */
export interface Bed {
  stage: Stage
  looks: Map<string, Look>
  /** The call of a step of the present job. */
  call(action: string, inputs?: Record<string, string>): BundleCall
  /** Begins another job, of this run. */
  nextJob(): void
  /** Begins another run. */
  nextRun(): void
  /** Runs a step to its end. @throws Error with its log when it ends in another way than it should */
  run(call: BundleCall, shouldEnd?: 'well' | 'ill' | 'either'): Promise<BundleEnd>
  /** Writes the next release into the checkout, and makes the call that deploys it. */
  deployCall(health: { ill: boolean }): BundleCall
  read(): Promise<{ ledger: Ledger; lease: Lease | null }>
  /** The release that the ledger says serves. */
  serving(): Promise<{ entry: Entry; look: Look }>
}

/** Puts the first good release onto a stage. */
export async function makeBed(stage: Stage): Promise<Bed> {
  const looks = new Map<string, Look>()
  let [run, job, number] = [1, 1, -1]
  const target = await stage.openTarget()
  const bed: Bed = {
    stage,
    looks,
    call: (action, inputs = {}) => ({
      action,
      folder: stage.folder,
      inputs,
      run: String(run),
      attempt: 1,
      job: `job-${job}`,
    }),
    nextJob() {
      job++
    },
    nextRun() {
      run++
      job = 1
    },
    async run(call, shouldEnd = 'well') {
      const door = await openDoor(stage.upstream)
      const through = stage.through(door)
      const end = await runBundle({
        ...call,
        inputs: { ...call.inputs, ...through.inputs },
        env: through.env,
      })
      await door.close()
      const isWell = end.code === 0
      if (shouldEnd !== 'either' && isWell !== (shouldEnd === 'well'))
        throw new Error(`${call.action} ended with ${String(end.code)}, not ${shouldEnd}:\n${end.log}`)
      return end
    },
    deployCall({ ill }) {
      number++
      const look = { number, ill }
      looks.set(versionOf(look), look)
      stage.write(look)
      return bed.call('deploy', { version: versionOf(look), image: stage.image })
    },
    read: () => target.read(),
    async serving() {
      const { ledger } = await target.read()
      const entry = ledger.entries.find(({ id }) => id === ledger.serving)
      const look = entry && looks.get(entry.version)
      if (!entry || !look) throw new Error('the ledger names no release that serves')
      // What comes next has to be of the other kind.
      if ((number - look.number) % 2 !== 0) number++
      return { entry, look }
    },
  }
  const { state } = await bed.run(bed.deployCall({ ill: false }))
  await bed.run({ ...bed.call('deploy'), file: 'post.js', state })
  return bed
}
