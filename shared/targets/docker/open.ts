import { ToolError } from '../../outcome/errors.ts'
import type { Environment } from '../../config/environment.ts'
import type { DockerSpec } from '../../config/schema/schema.ts'
import { parseImage } from '../../integrations/registry/image-reference.ts'
import { resolveImage } from '../../integrations/registry/registry.ts'
import { observeHolder, type Lease } from '../../release/lease.ts'
import type { Receiver } from '../../release/receiver.ts'
import type { Live } from '../../release/settle.ts'
import type { Adapters } from '../adapters.ts'
import type { Target } from '../target.ts'
import { engineAddress, requireEncryption } from './engine/address.ts'
import { identityAt } from './engine/identity.ts'
import { capacity, readUsage } from './inspect/capacity.ts'
import { inspect, readLog } from './engine/containers.ts'
import { diffOf } from './inspect/diff.ts'
import { readDrift } from './inspect/drift.ts'
import { openEngine } from './engine/engine.ts'
import { readEvidence } from './inspect/evidence.ts'
import { label, namesOf, serving } from './apply/fleet.ts'
import { goneForGood, inspectImage } from './engine/images.ts'
import { overrideLease, takeLease } from './state/lease.ts'
import { renderPayload } from './apply/payload.ts'
import { asContainerPayload, unpackRecord } from './state/record.ts'
import { refuseWiderRecord } from './state/refuse-record.ts'
import { rehearse } from './apply/rehearse.ts'
import { mountsForRelease } from './mounts/release-mounts.ts'
import { secretsAmong } from '../../config/env-file/env-file.ts'
import type { Context } from './engine/context.ts'
import { readRecords, readStore } from './state/store.ts'
import { leftOver, openEnvironmentLock } from './environment-lock.ts'
import { readLeaving, readVitals } from './inspect/vitals.ts'

/**
 * Opens an environment on a Docker engine: the one that the runbook names, else the one that the docker command would use.
 * @throws ToolError when the engine does not answer
 */
export async function openDocker(
  environment: Environment,
  spec: DockerSpec,
  adapters: Adapters,
): Promise<Target> {
  for (const value of secretsAmong(spec.env ?? {})) adapters.secrets.add(value)
  const address = engineAddress(spec.host ?? '', adapters.env)
  requireEncryption(address, spec['allow-plain-tcp'] ?? false)
  const engine = await openEngine(address, adapters)
  const context: Context = { engine, environment, spec, adapters, names: namesOf(spec.container) }
  const place = `container ${spec.container} of ${engine.place}`
  const byOurClock = (lease: Lease): Lease => ({
    ...observeHolder(lease, adapters.hasEnded),
    deadline: lease.deadline - (engine.now() - adapters.clock.now()),
  })
  return {
    place,

    async read() {
      const { ledger, lease } = await readStore(context)
      return { ledger, lease: lease && byOurClock(lease) }
    },

    live: () => readLive(context),
    receivers: () => readReceivers(context),

    pin: ({ image }) => pin(context, image),
    render: async request => renderPayload(context, request, await mountsForRelease(context, request.image)),

    rehearse: payload => rehearse(context, asContainerPayload(payload)),
    async rehearseRestore(payload) {
      const recorded = asContainerPayload(payload)
      const { fleet } = await readStore(context)
      await refuseWiderRecord(context, fleet, recorded.body.create, 'the last good release')
      return rehearse(context, recorded)
    },
    planRollback: () => Promise.resolve({ lacked: [], notes: [] }),
    capacity: () => capacity(context),

    async recall(id) {
      const { fleet } = await readStore(context)
      return unpackRecord((await readRecords(context, fleet)).get(id))?.payload
    },

    async recallVerification(id) {
      const { fleet } = await readStore(context)
      const verification: unknown = unpackRecord((await readRecords(context, fleet)).get(id))?.verification
      return typeof verification === 'string' ? verification : undefined
    },

    compare(before, after) {
      const diff = diffOf(asContainerPayload(before).body.create, asContainerPayload(after).body.create)
      return [{ object: `container ${spec.container}`, action: diff === '' ? 'none' : 'update', diff }]
    },

    revisions: () => Promise.resolve([]),
    findRevision: () => Promise.resolve(undefined),
    usage: () => readUsage(context),
    vitals: () => readVitals(context),
    leaving: () => readLeaving(context),

    drift: () => readDrift(context),
    deviations: () => Promise.resolve([]),

    async strays() {
      const { fleet, ledger } = await readStore(context)
      return leftOver(fleet, ledger, context.names).map(({ name }) => `container ${name}`)
    },

    async logs(lines) {
      const there = serving((await readStore(context)).fleet, context.names)
      if (there) return adapters.secrets.redact(await readLog(engine, there.id, lines))
      throw new ToolError(
        `there is no container ${spec.container} of ${environment.service} on ${engine.place}`,
        {
          tool: 'Docker engine',
          reason: 'tool-failed',
          hint: `See what is there: docker ps --all. Nothing may have been released yet: runbook status ${environment.name}`,
        },
      )
    },

    identity: () => Promise.resolve(identityAt(address)),
    evidence: id => readEvidence(context, id),

    async take(holder, purpose, deadlineMs) {
      const taken = await takeLease(context, holder, purpose, deadlineMs)
      if ('held' in taken) return { held: byOurClock(taken.held) }
      return 'hold' in taken ? taken : openEnvironmentLock(context, taken)
    },
    async override(holder, change) {
      const ended = await overrideLease(context, holder, change)
      return ended && byOurClock(ended)
    },

    close() {
      engine.close()
      return Promise.resolve()
    },
  }
}

/** A container that runs has its ports, also one that Docker calls unhealthy. */
async function readReceivers(context: Context): Promise<Receiver[]> {
  const { engine, names } = context
  const there = serving((await readStore(context)).fleet, names)
  const detail = there && (await inspect(engine, there.id))
  if (!detail?.State.Running || detail.State.Restarting) return []
  const { Config: config, State: state } = detail
  return [
    {
      release: there?.release ?? null,
      version: there?.labels[label.version] ?? '',
      image: there?.labels[label.image] ?? config.Image,
      instances: 1,
      since: state.StartedAt,
    },
  ]
}

async function readLive(context: Context): Promise<Live> {
  const { engine, names } = context
  const { fleet } = await readStore(context)
  const there = serving(fleet, names)
  const detail = there && (await inspect(engine, there.id))
  if (!detail) return { release: null, version: '', image: '', ready: false }
  const { State: state, Config: config } = detail
  const health = state.Health?.Status ?? 'none'
  return {
    release: there.release,
    version: there.labels[label.version] ?? '',
    image: there.labels[label.image] ?? config.Image,
    ready: state.Running && !state.Restarting && (health === 'none' || health === 'healthy'),
  }
}

/**
 * The exact image that a reference means here. A name without a registry is the engine's own image first, as for
 * `docker run`; one with a registry is what the registry says now.
 */
async function pin(context: Context, reference: string): Promise<string> {
  if (reference.includes('@sha256:')) return reference
  if (/^sha256:[0-9a-f]{64}$/.test(reference)) {
    if (await inspectImage(context, reference)) return reference
    throw goneForGood(context, reference)
  }
  if (!parseImage('image', reference).explicit) {
    const local = await inspectImage(context, reference)
    if (local) return local.Id
  }
  return (await resolveImage(reference, context.adapters)).pinned
}
