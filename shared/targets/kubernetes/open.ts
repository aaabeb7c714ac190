import { resolveImage } from '../../platform/registry.ts'
import type { Environment } from '../../runbook/environment.ts'
import type { KubernetesSpec } from '../../runbook/schema.ts'
import type { Adapters } from '../adapters.ts'
import type { Payload, Target } from '../target.ts'
import { readCapacity } from './capacity.ts'
import { createClient } from './client.ts'
import { readDeviations } from './deviations.ts'
import { readDrift } from './drift.ts'
import { connect } from './kubeconfig.ts'
import { compareBodies } from './diff.ts'
import { createLeaseStore } from './lease-store.ts'
import { readLive } from './live.ts'
import { readLogs } from './logs.ts'
import { createRecovery } from './recover-ledger.ts'
import { createRecordStore } from './records.ts'
import { rehearse } from './rehearse.ts'
import { bodyOf, payloadOf } from './body.ts'
import { render } from './render.ts'
import { createPaths } from './resources.ts'
import { lackedRights } from './rights.ts'
import { findRevision, readRevisions } from './revisions.ts'
import { describe } from './objects.ts'
import { findStrays } from './strays.ts'
import { override, take } from './take-over.ts'
import type { Place } from './place.ts'
import { readUsage } from './usage.ts'
import { readVitals } from './vitals.ts'

/** Shorter values are words like `true` or `info`: to hide those would hide half of what is said. */
const secretLength = 8

/**
 * From now on the values of a payload's Secrets are not shown, whatever pods write into their logs.
 * @param known words that stand in every line anyway: `production` is no secret, although NODE_ENV is among them
 */
function keepSecret({ secrets }: Adapters, known: string[], payload: Payload): Payload {
  for (const { kind, data } of bodyOf(payload).manifests) {
    if (kind !== 'Secret') continue
    for (const encoded of Object.values((data ?? {}) as Record<string, string>)) {
      const value = Buffer.from(encoded, 'base64').toString('utf8')
      if (value.length >= secretLength && !known.includes(value)) secrets.add(value)
    }
  }
  return payload
}

/**
 * A namespace of a Kubernetes cluster as a target. Nothing is sent until the first question is asked.
 * @throws InputError when no usable kubeconfig is there
 */
export function openKubernetes(
  environment: Environment,
  spec: KubernetesSpec,
  adapters: Adapters,
): Promise<Target> {
  const { service, name } = environment
  const { namespace, workload } = spec
  const { clock, signal } = adapters
  const known = [service, name, namespace]
  const client = createClient(connect(adapters, spec.context), clock, signal)
  const records = createRecordStore(client, service, namespace)
  const recover = createRecovery({
    ...{ client, records, service, namespace, workload },
    environment: name,
    log: adapters.log,
  })
  const place: Place = {
    service,
    namespace,
    workload,
    client,
    paths: createPaths(namespace, path => client.get(path)),
    lease: createLeaseStore({ client, clock, signal, service, environment: name, namespace, recover }),
    records,
    adapters,
  }
  return Promise.resolve({
    place: `namespace ${namespace} of ${client.server}`,
    async read() {
      const { ledger, lease } = await place.lease.read()
      return { ledger, lease }
    },
    live: () => readLive(place),
    pin: async ({ image }) => (await resolveImage(image, adapters)).pinned,
    render: async request => keepSecret(adapters, known, await render(place, environment, spec, request)),
    rehearse: (payload, conflicts) => rehearse(place, bodyOf(payload), conflicts),
    capacity: payload => readCapacity(place, bodyOf(payload)),
    lackedRights: (before, after) => lackedRights(place, bodyOf(before), bodyOf(after)),
    async recall(id) {
      const { slots } = await place.lease.read()
      const record = await place.records.load(id, slots[id] ?? [])
      return record && keepSecret(adapters, known, payloadOf(record.body))
    },
    compare: (before, after) => compareBodies(bodyOf(before), bodyOf(after)),
    revisions: () => readRevisions(place),
    async findRevision(number) {
      const found = await findRevision(place, number)
      if (found?.kind === 'workload') keepSecret(adapters, known, found.payload)
      return found
    },
    usage: () => readUsage(place),
    vitals: () => readVitals(place),
    drift: () => readDrift(place),
    deviations: id => readDeviations(place, id),
    strays: async () => (await findStrays(place, await place.lease.read())).map(describe),
    logs: lines => readLogs(place, lines),
    take: (holder, purpose, deadlineMs) => take(place, holder, purpose, deadlineMs),
    override: (holder, change) => override(place, holder, change),
    close() {
      client.close()
      return Promise.resolve()
    },
  } satisfies Target)
}
