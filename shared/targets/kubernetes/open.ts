import { resolveImage } from '../../integrations/registry/registry.ts'
import type { Environment } from '../../config/environment.ts'
import { observeHolder, type Lease } from '../../release/lease.ts'
import type { KubernetesSpec } from '../../config/schema/schema.ts'
import type { Adapters } from '../adapters.ts'
import type { Target } from '../target.ts'
import { readCapacity } from './inspect/capacity.ts'
import { checkedRecords } from './state/checked-records.ts'
import { createClient } from './api/client.ts'
import { readDeviations } from './rollout/deviations.ts'
import { readDrift } from './inspect/drift.ts'
import { createKeepSecret, keepingClient, keepingRecords } from './state/keep-secret.ts'
import { connect } from './api/kubeconfig.ts'
import { compareBodies } from './inspect/diff.ts'
import { createLeaseStore } from './state/lease-store.ts'
import { readLeaving } from './apply/leaving.ts'
import { readLive } from './inspect/live.ts'
import { readLogs } from './inspect/logs.ts'
import { createRecovery } from './state/recover-ledger.ts'
import { readReceivers } from './inspect/receivers.ts'
import { createRecordStore } from './state/records.ts'
import { planRollback } from './restore/plan-rollback.ts'
import { rehearse, rehearseRestore } from './apply/rehearse.ts'
import { bodyOf, payloadOf } from './apply/body.ts'
import { readReleaseEvidence } from './inspect/release-evidence.ts'
import { readManifests, render } from './manifests/render.ts'
import { createPaths } from './api/resources.ts'
import { findRevision, readRevisions } from './inspect/revisions.ts'
import { describe } from './manifests/objects.ts'
import { readIdentity } from './api/identity.ts'
import { findStrays } from './state/strays.ts'
import { override, take } from './apply/take-over.ts'
import type { Place } from './state/place.ts'
import { readUsage } from './inspect/usage.ts'
import { readVitals } from './inspect/vitals.ts'

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
  const keepSecret = createKeepSecret(adapters.secrets, [service, name, namespace])
  const client = keepingClient(createClient(connect(adapters, spec.context), clock, signal), keepSecret)
  const paths = createPaths(namespace, path => client.get(path))
  const records = checkedRecords(keepingRecords(createRecordStore(client, service, namespace), keepSecret), {
    ...{ service, namespace, client, paths },
    manifests: async () => (await readManifests({ adapters, paths }, environment.root, spec)).objects,
  })
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
    paths,
    lease: createLeaseStore({ client, clock, signal, service, environment: name, namespace, recover }),
    records,
    adapters,
  }
  const byOurClock = (lease: Lease): Lease => ({
    ...observeHolder(lease, adapters.hasEnded),
    deadline: lease.deadline - (client.now() - clock.now()),
  })
  return Promise.resolve({
    place: `namespace ${namespace} of ${client.server}`,
    async read() {
      const { ledger, lease } = await place.lease.read()
      return { ledger, lease: lease && byOurClock(lease) }
    },
    live: () => readLive(place),
    receivers: () => readReceivers(place),
    pin: async ({ image }) => (await resolveImage(image, adapters)).pinned,
    async render(request) {
      const payload = await render(place, environment, spec, request)
      keepSecret(bodyOf(payload).manifests)
      return payload
    },
    rehearse: (payload, conflicts) => rehearse(place, bodyOf(payload), conflicts),
    capacity: payload => readCapacity(place, bodyOf(payload)),
    rehearseRestore: payload => rehearseRestore(place, bodyOf(payload)),
    planRollback: (good, planned) => planRollback(place, bodyOf(good), bodyOf(planned)),
    async recall(id) {
      const { slots } = await place.lease.read()
      const record = await place.records.load(id, slots[id] ?? [])
      return record && payloadOf(record.body)
    },
    async recallVerification(id) {
      const { slots } = await place.lease.read()
      return place.records.loadVerification(id, slots[id] ?? [])
    },
    compare: (before, after) => compareBodies(bodyOf(before), bodyOf(after)),
    revisions: () => readRevisions(place),
    async findRevision(number) {
      const found = await findRevision(place, number)
      if (found?.kind === 'workload') keepSecret(bodyOf(found.payload).manifests)
      return found
    },
    usage: () => readUsage(place),
    vitals: () => readVitals(place),
    leaving: () => readLeaving(place),
    drift: () => readDrift(place),
    deviations: id => readDeviations(place, id),
    strays: async () => (await findStrays(place, await place.lease.read())).map(describe),
    identity: () => readIdentity(client),
    logs: lines => readLogs(place, lines),
    evidence: id => readReleaseEvidence(place, id),
    async take(holder, purpose, deadlineMs) {
      const taken = await take(place, holder, purpose, deadlineMs)
      return 'held' in taken ? { held: byOurClock(taken.held) } : taken
    },
    async override(holder, change) {
      const ended = await override(place, holder, change)
      return ended && byOurClock(ended)
    },
    close() {
      client.close()
      return Promise.resolve()
    },
  } satisfies Target)
}
