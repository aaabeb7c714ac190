import type { Environment } from '../../runbook/environment.ts'
import type { DockerSpec } from '../../runbook/schema.ts'
import { parseImage } from '../../platform/image-reference.ts'
import { resolveImage } from '../../platform/registry.ts'
import type { Live } from '../../release/settle.ts'
import type { Adapters } from '../adapters.ts'
import type { Target } from '../target.ts'
import { capacity } from './capacity.ts'
import { inspect, readLog } from './containers.ts'
import { openEngine } from './engine.ts'
import { label, namesOf, serving } from './fleet.ts'
import { inspectImage } from './images.ts'
import { takeLease } from './lease.ts'
import { renderPayload } from './payload.ts'
import { asContainerPayload, unpackRecord } from './record.ts'
import { rehearse } from './rehearse.ts'
import { readRecords, readStore, type Context } from './store.ts'
import { openTenure } from './tenure.ts'

/**
 * Opens an environment on a Docker engine: the one that the runbook names, else DOCKER_HOST's, else this machine's.
 * @throws ToolError when the engine does not answer
 */
export async function openDocker(
  environment: Environment,
  spec: DockerSpec,
  adapters: Adapters,
): Promise<Target> {
  const host = [spec.host, adapters.env['DOCKER_HOST']].find(Boolean) ?? 'unix:///var/run/docker.sock'
  const engine = await openEngine(host, adapters)
  const context: Context = { engine, environment, spec, adapters, names: namesOf(spec.container) }
  const place = `container ${spec.container} of ${engine.place}`
  return {
    place,

    async read() {
      const { ledger, lease } = await readStore(context)
      const ahead = engine.now() - adapters.clock.now()
      return { ledger, lease: lease && { ...lease, deadline: lease.deadline - ahead } }
    },

    live: () => readLive(context),

    pin: ({ image }) => pin(context, image),
    render: request => Promise.resolve(renderPayload(context, request)),

    rehearse: payload => rehearse(context, asContainerPayload(payload)),
    capacity: () => capacity(context),

    async recall(id) {
      const { fleet } = await readStore(context)
      return unpackRecord((await readRecords(context, fleet)).get(id))?.payload
    },

    async logs(lines) {
      const there = serving((await readStore(context)).fleet, context.names)
      return there ? adapters.secrets.redact(await readLog(engine, there.id, lines)) : ''
    },

    async take(holder, deadlineMs) {
      const taken = await takeLease(context, holder, deadlineMs)
      if (!('held' in taken)) return openTenure(context, taken)
      const ahead = engine.now() - adapters.clock.now()
      return { held: { ...taken.held, deadline: taken.held.deadline - ahead } }
    },

    close() {
      engine.close()
      return Promise.resolve()
    },
  }
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
  if (reference.includes('@sha256:') || /^sha256:[0-9a-f]{64}$/.test(reference)) return reference
  if (!parseImage('image', reference).explicit) {
    const local = await inspectImage(context, reference)
    if (local) return local.Id
  }
  return (await resolveImage(reference, context.adapters)).pinned
}
