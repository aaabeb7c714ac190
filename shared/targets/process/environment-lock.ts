import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { withoutProcess } from '../../release/lease.ts'
import type { Entry, ReleaseId } from '../../release/ledger.ts'
import type { Change, EnvironmentLock } from '../target.ts'
import { writeWhole } from './source/files.ts'
import { watchApp } from './follow.ts'
import { logSize, noteLogStart } from './log.ts'
import { asProcessPayload, type ProcessPayload } from './payload.ts'
import type { Context } from './places.ts'
import { endApp, readInstances, runsAs, startOrReload } from './pm2.ts'
import { requireAdoptable } from './adopt.ts'
import { makeRelease, type Making } from './source/source.ts'
import type { HeldLease } from './store.ts'

/** Folders of good releases that stay, with what is installed in them. */
const keptFolders = 3

/** The right to change a process target. */
export function openEnvironmentLock(context: Context, lease: HeldLease): EnvironmentLock {
  const { places, spec, adapters } = context
  // A log goes on from release to release: what an earlier one wrote is no evidence about this one.
  let logFrom = logSize(context)

  /** Makes a release the one that runs. It can be cut off anywhere and done again. */
  const activate = async (id: ReleaseId, payload: ProcessPayload, making: Making): Promise<Change[]> => {
    const { adopted } = payload.body
    lease.check()
    if (!adopted) await makeRelease(context, id, payload, making)
    lease.check()
    const before = linked(places.current)
    // What was started by hand runs where it always did.
    if (!adopted) link(places.current, join('releases', id))
    mkdirSync(dirname(places.log), { recursive: true })
    const object = `app ${spec.app}`
    const app = adopted ?? ecosystemOf(id, payload)
    if (making === 'again' && before === linked(places.current) && (await runsAs(context, app)))
      return [{ object, action: 'none' }]
    logFrom = noteLogStart(context, id)
    await startOrReload(context, app)
    const diff = `- ${before ?? 'nothing'}\n+ releases/${id} (${payload.body.version})`
    return [{ object, action: before === undefined ? 'create' : 'update', diff }]
  }

  const ecosystemOf = (id: ReleaseId, { body }: ProcessPayload): Record<string, unknown> => ({
    cwd: join(places.current, body.within),
    script: body.start,
    env: { ...body.env, RUNBOOK_RELEASE: id, RUNBOOK_VERSION: body.version },
    out_file: places.log,
    error_file: places.log,
    vizion: false,
  })

  return {
    get epoch() {
      return lease.state.epoch
    },
    get ledger() {
      return lease.state.ledger
    },

    update(change) {
      return attempt(() => {
        lease.write(({ ledger }) => ({ ledger: change(ledger) }))
        return lease.state.ledger
      })
    },

    async adopt() {
      const instances = await readInstances(context)
      const found = requireAdoptable(context, instances)
      if (!found) return undefined
      const { options } = found
      const { pm_cwd: cwd, pm_exec_path: script } = instances[0]?.pm2_env ?? {}
      const { version = 'unknown' } = (instances[0]?.pm2_env ?? {}) as { version?: string }
      if (script?.startsWith(`${context.environment.root}/`))
        adapters.log.warn(
          `${spec.app} runs ${script}, a file of this working tree: a rollback to r0 starts what is there then.`,
        )
      const payload: ProcessPayload = {
        kind: 'process',
        objects: [`app ${spec.app}`],
        body: {
          version,
          source: 'adopted',
          path: '',
          within: '',
          start: script ?? '',
          env: options['env'] as Record<string, string>,
          adopted: options,
        },
      }
      return { version, image: `adopted:${cwd ?? ''}`, payload }
    },

    store: (id, payload) =>
      attempt(() => {
        lease.check()
        writeWhole(places.record(id), JSON.stringify(payload))
      }),

    recordVerification: (id, text) =>
      attempt(() => {
        lease.check()
        writeWhole(places.verification(id), text)
      }),

    forget: retired =>
      attempt(() => {
        lease.check()
        const { entries, serving } = lease.state.ledger
        const good = entries.filter(({ state }) => state === 'good').slice(-keptFolders)
        const keep = new Set<string>([...good.map(({ id }) => id), serving ?? ''])
        for (const name of foldersIn(join(places.folder, 'releases')))
          if (!keep.has(name)) rmSync(join(places.folder, 'releases', name), { recursive: true, force: true })
        for (const { id } of retired satisfies Entry[])
          for (const file of [places.record(id), places.verification(id), places.logStart(id)])
            rmSync(file, { force: true })
      }),

    migrate: () => Promise.resolve({ kind: 'none' }),

    async prepare(id, payload) {
      lease.check()
      await makeRelease(context, id, asProcessPayload(payload), 'first')
    },

    apply: (id, payload) => activate(id, asProcessPayload(payload), 'first'),
    // What a first release has installed is what its author wants to look at.
    retract: () => Promise.resolve([]),
    follow: (_id, _payload, options) => watchApp(context, logFrom, options),

    async restore(good, payload, withdrawn) {
      const changes = await activate(good, asProcessPayload(payload), 'again')
      const bad = withdrawn && lease.state.ledger.restoring?.from
      if (bad && bad !== good) rmSync(places.release(bad), { recursive: true, force: true })
      return changes
    },

    async stop() {
      lease.check()
      const ended = await endApp(context)
      return ended ? [{ object: `app ${spec.app}`, action: 'delete', diff: 'stopped' }] : []
    },

    // A folder that comes late is not linked to; the next release forgets it.
    // Nothing is replaced but the one that served, which goes with its hand-over.
    removeReplaced: () => Promise.resolve([]),
    tidy: () => Promise.resolve([]),

    renew: deadlineMs =>
      attempt(() =>
        lease.write(({ lease: held }) => ({
          lease: held && { ...held, deadline: adapters.clock.now() + deadlineMs },
        })),
      ),

    handOver: deadlineMs =>
      attempt(() =>
        lease.write(({ lease: held }) => ({
          lease: held && {
            ...held,
            holder: withoutProcess(held.holder),
            deadline: adapters.clock.now() + deadlineMs,
            handedOver: true,
          },
        })),
      ),

    end: () => attempt(() => lease.write(() => ({ lease: null }))),
  }
}

/** What is thrown becomes a rejection, as the interface promises. */
function attempt<T>(work: () => T): Promise<T> {
  return new Promise(resolve => resolve(work()))
}

/** A link is replaced by renaming another over it: there is no moment without one. */
function link(at: string, to: string): void {
  const draft = `${at}.${process.pid}.draft`
  rmSync(draft, { force: true })
  symlinkSync(to, draft)
  renameSync(draft, at)
}

function linked(at: string): string | undefined {
  try {
    return readlinkSync(at)
  } catch {
    return undefined
  }
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
