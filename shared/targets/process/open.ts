import { statfs } from 'node:fs/promises'
import { freemem, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Environment } from '../../config/environment.ts'
import { secretsAmong } from '../../config/env-file/env-file.ts'
import { observeHolder } from '../../release/lease.ts'
import type { ProcessSpec } from '../../config/schema/schema.ts'
import { showSize } from '../../config/values.ts'
import type { Adapters } from '../adapters.ts'
import { settingsLeftOut } from './adopt.ts'
import type { Capacity, Change, Target } from '../target.ts'
import { readDrift } from './drift.ts'
import { readEvidence, requireLog, tailOf } from './log.ts'
import { diffOf } from './diff.ts'
import { readIfThere } from './source/files.ts'
import { asProcessPayload, renderPayload } from './payload.ts'
import { placesOf, type Context } from './places.ts'
import type { Install } from './source/project.ts'
import { readInstances } from './pm2.ts'
import { requireAdoptable } from './adopt.ts'
import { checkInstaller } from './source/install.ts'
import { checkStart, pinSource, planSource } from './source/source.ts'
import { overrideLease, readRecord, readState, takeLease } from './store.ts'
import { userName } from '../../host/process-identity.ts'
import { openEnvironmentLock } from './environment-lock.ts'
import { readVitals } from './vitals.ts'

/** Opens an environment whose service runs on this machine, under the user's own pm2. Nothing is touched yet. */
export function openProcess(
  environment: Environment,
  spec: ProcessSpec,
  adapters: Adapters,
): Promise<Target> {
  const context: Context = { environment, spec, adapters, places: placesOf(environment, spec) }
  for (const value of secretsAmong(spec.env ?? {})) adapters.secrets.add(value)
  return Promise.resolve({
    place: `app ${spec.app} of pm2 on this machine`,
    read: async () => {
      const { ledger, lease } = await Promise.resolve(readState(context))
      return { ledger, lease: lease && observeHolder(lease, adapters.hasEnded) }
    },
    async live() {
      const instances = await readInstances(context)
      const [app] = instances
      const { RUNBOOK_RELEASE: release = null, RUNBOOK_VERSION: version = '' } = app?.pm2_env.env ?? {}
      const entry = readState(context).ledger.entries.find(({ id }) => id === release)
      const image = entry?.image ?? app?.pm2_env.pm_cwd ?? ''
      return {
        release,
        version,
        image,
        ready: instances.length > 0 && instances.every(each => each.pm2_env.status === 'online'),
      }
    },
    async receivers() {
      const online = (await readInstances(context)).filter(each => each.pm2_env.status === 'online')
      const [app] = online
      if (!app) return []
      const { RUNBOOK_RELEASE: release = null, RUNBOOK_VERSION: version = '' } = app.pm2_env.env ?? {}
      const image = `adopted:${app.pm2_env.pm_cwd ?? ''}`
      // What was there before this suite is not told of its release.
      const entry = readState(context).ledger.entries.find(({ id, image: recorded }) =>
        release === null ? id === 'r0' && recorded === image : id === release,
      )
      return [
        {
          release: entry?.id ?? release,
          version: entry?.version ?? version,
          image: entry?.image ?? app.pm2_env.pm_cwd ?? '',
          instances: online.length,
          since: new Date(app.pm2_env.pm_uptime).toISOString(),
        },
      ]
    },
    pin: ({ version }) => pinSource(context, version),
    render: async request => renderPayload(context, await planSource(context, request.image), request),
    async rehearse(payload) {
      const { body } = asProcessPayload(payload)
      await checkStart(context, asProcessPayload(payload))
      if (body.install) await checkInstaller(context, body.install, lockPath(body.path, body.install))
      const instances = await readInstances(context)
      const [there] = instances
      const { serving, entries } = readState(context).ledger
      const foreign = entries.length === 0 ? requireAdoptable(context, instances) : undefined
      const recorded = serving === null ? undefined : readRecord(context, serving)
      const same =
        JSON.stringify(recorded?.body) === JSON.stringify(body) &&
        there?.pm2_env.env?.['RUNBOOK_RELEASE'] === serving
      const leftOut = foreign ? settingsLeftOut(foreign) : []
      const diff = [
        ...leftOut.map(setting => `- ${setting} (the release does not take it over)`),
        `+ ${body.version} (${body.source})`,
      ].join('\n')
      return [{ object: `app ${spec.app}`, ...plan(same, there !== undefined), diff }]
    },
    identity: () => Promise.resolve({ name: userName(), from: 'account' }),
    // Releases lie beside each other: nothing of one is in the way of another.
    rehearseRestore: () => Promise.resolve([]),
    planRollback: () => Promise.resolve({ lacked: [], notes: [] }),
    capacity: () => capacity(context),
    recall: async id => Promise.resolve(readRecord(context, id)),
    recallVerification: id => Promise.resolve(readIfThere(context.places.verification(id))),
    compare(before, after) {
      const [old, now] = [asProcessPayload(before).body, asProcessPayload(after).body]
      const diff = diffOf(old, now)
      return [{ object: `app ${spec.app}`, action: diff === '' ? 'none' : 'update', diff }]
    },
    revisions: () => Promise.resolve([]),
    findRevision: () => Promise.resolve(undefined),
    async usage() {
      const lines = (await readInstances(context)).map(({ monit }, index, all) => {
        const instance = all.length > 1 ? `${spec.app} ${index}` : spec.app
        return monit ? `${instance}: ${monit.cpu}% of a CPU, ${showSize(monit.memory)} of memory` : ''
      })
      return lines.filter(line => line !== '').join('\n')
    },
    vitals: () => readVitals(context),
    // pm2 starts an app anew only when its process has ended.
    leaving: () => Promise.resolve({ instances: [], graceMs: 0 }),
    drift: () => readDrift(context),
    deviations: () => Promise.resolve([]),
    strays: () => Promise.resolve([]),
    logs: lines =>
      new Promise(resolve => {
        requireLog(context)
        resolve(tailOf(context, lines))
      }),
    evidence: id => readEvidence(context, id),
    take: async (holder, purpose, deadlineMs) => {
      const taken = await Promise.resolve(takeLease(context, holder, purpose, deadlineMs))
      return 'held' in taken || 'hold' in taken ? taken : openEnvironmentLock(context, taken)
    },
    override: async (holder, change) => Promise.resolve(overrideLease(context, holder, change)),
    close: () => Promise.resolve(),
  })
}

/** Where a release's lock file is in the repository. */
function lockPath(path: string, { folder, lock }: Install): string {
  return join(path, folder, lock.name)
}

function plan(same: boolean, there: boolean): Pick<Change, 'action'> {
  if (same) return { action: 'none' }
  return { action: there ? 'update' : 'create' }
}

/** The guide's thresholds: memory under 85%, disks under 90%. */
const [mostMemory, mostDisk] = [0.85, 0.9]

async function capacity({ environment }: Context): Promise<Capacity> {
  const { blocks, bavail, bfree, bsize } = await statfs(environment.root)
  const disk = (blocks - bfree) / (blocks - bfree + bavail)
  const memory = 1 - freemem() / totalmem()
  const finding = `memory is ${percent(memory)} used, the disk ${percent(disk)} (${showSize(bavail * bsize)} free)`
  const enough = disk < mostDisk && memory < mostMemory
  return { enough, finding, remedy: enough ? '' : 'Free some memory or disk on this machine.' }
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`
}
