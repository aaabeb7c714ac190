import { rebuildLedger } from '../../../release/rebuild.ts'
import type { Log } from '../../../host/log.ts'
import { ApiError } from '../api/api-error.ts'
import type { Client } from '../api/client.ts'
import type { EnvironmentState } from './lease-store.ts'
import { describeLive, workloadPath } from '../inspect/live.ts'
import type { RecordStore } from './records.ts'
import type { Slots } from '../rollout/slots.ts'

interface Remains {
  client: Client
  records: RecordStore
  service: string
  environment: string
  namespace: string
  workload: string
  log: Log
}

/**
 * Tells the ledger of an environment whose Lease was deleted: the records of its releases are Secrets of their own.
 * @returns a function that answers undefined where there are no records, as before the first release
 */
export function createRecovery(
  remains: Remains,
): () => Promise<Pick<EnvironmentState, 'ledger' | 'slots'> | undefined> {
  const { client, records, service, environment, namespace, workload, log } = remains
  let told = false
  return async () => {
    const survivors = await records.survey().catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 403) return []
      throw error
    })
    if (survivors.length === 0) return undefined
    const live = await client.get(workloadPath(namespace, workload))
    const release = live ? describeLive(live).release : null
    if (!told) {
      log.warn(
        `The ledger of ${environment} is gone (its Lease was deleted). It is rebuilt from the records of ${survivors.length} releases; a hold, and what operators did, is lost.`,
      )
      told = true
    }
    const slots = Object.fromEntries(survivors.map(each => [each.id, each.slots])) as Slots
    return { ledger: rebuildLedger(service, environment, survivors, release), slots }
  }
}
