import type { Adapters } from '../../adapters.ts'
import type { Client } from '../api/client.ts'
import type { LeaseStore } from './lease-store.ts'
import type { RecordStore } from './records.ts'
import type { Paths } from '../api/resources.ts'

/** What a Kubernetes environment is made of, for the code that works in it. */
export interface Place {
  service: string
  namespace: string
  /** `deployment/runbook-api` */
  workload: string
  client: Client
  paths: Paths
  lease: LeaseStore
  records: RecordStore
  adapters: Adapters
}
