import { InputError, ToolError } from '../../../outcome/errors.ts'
import type { Clock } from '../../../host/clock.ts'
import type { Holder, Lease } from '../../../release/lease.ts'
import { parseHolder, parseLedger } from '../../../release/ledger-schema.ts'
import { emptyLedger, isReleaseId, type Ledger } from '../../../release/ledger.ts'
import { ApiError } from '../api/api-error.ts'
import type { Client } from '../api/client.ts'
import type { KubeObject } from '../manifests/objects.ts'
import { slotCount, type Slots } from '../rollout/slots.ts'

/**
 * All that is known of an environment: one `coordination.k8s.io` Lease, so that one resourceVersion guards the lock, the
 * fencing number and the ledger together.
 */
export interface EnvironmentState {
  ledger: Ledger
  lease: Lease | null
  /** The highest fencing number that was ever given out; 0 at first. */
  epoch: number
  slots: Slots
  /** The fencing number up to which the objects were made safe from earlier holders. */
  fenced: number
  /** Changes when the Lease is deleted and made again; empty while there is none. */
  uid: string
  resourceVersion: string
}

const annotation = {
  ledger: 'runbook/ledger',
  holder: 'runbook/holder',
  epoch: 'runbook/epoch',
  deadline: 'runbook/deadline',
  handedOver: 'runbook/handed-over',
  slots: 'runbook/slots',
  fenced: 'runbook/fenced',
} as const

/** The Lease of one service in one namespace. */
export interface LeaseStore {
  read(): Promise<EnvironmentState>
  /**
   * Writes by compare-and-swap.
   * @returns the state as it was written, or undefined when another run wrote in between
   */
  write(state: EnvironmentState): Promise<EnvironmentState | undefined>
}

export interface LeasePlace {
  client: Client
  clock: Clock
  signal: AbortSignal
  service: string
  environment: string
  namespace: string
  /** The ledger and slots as the records of releases still tell them, where there is no Lease; undefined without any. */
  recover(): Promise<Pick<EnvironmentState, 'ledger' | 'slots'> | undefined>
}

const unknownHolder: Holder = {
  run: '',
  attempt: 1,
  job: '',
  title: 'a run whose Lease was deleted',
  url: '',
}

/** Pauses between attempts of a write that got no answer, milliseconds. */
const pauses = [100, 300, 1_000, 3_000]

export function createLeaseStore(place: LeasePlace): LeaseStore {
  const { client, clock, signal, service, environment, namespace } = place
  const name = `runbook-${service}`
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${name}`

  const empty = emptyLedger(service, environment)

  const read = async (): Promise<EnvironmentState> => {
    const found = await client.get(path)
    if (found) {
      const state = parseState(found, empty)
      const other = state.ledger.environment
      if (other !== environment) {
        throw new InputError(`namespace ${namespace} is the environment ${other} of ${service} already`, {
          hint: `Give ${environment} a namespace of its own, or call it ${other}.`,
        })
      }
      return state
    }
    const recovered = await place.recover()
    return {
      ledger: empty,
      slots: {},
      ...recovered,
      // Its holder may still be at work: the next one has to fence that off.
      lease: recovered ? { holder: unknownHolder, epoch: 0, deadline: 0, handedOver: false } : null,
      epoch: 0,
      fenced: 0,
      uid: '',
      resourceVersion: '',
    }
  }

  const attempt = async (state: EnvironmentState): Promise<EnvironmentState | undefined | ApiError> => {
    try {
      // A PUT without resourceVersion creates, and is refused when the Lease exists: unlike a POST, a Role can allow it
      // for this name alone.
      return parseState(await client.replace(path, compose(name, namespace, state)), empty)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (error.unknown) {
        const now = await read()
        if (same(now, state)) return now
        const unchanged = now.resourceVersion === state.resourceVersion && now.uid === state.uid
        return unchanged ? error : undefined
      }
      const exists = state.resourceVersion === '' && error.status === 422
      // With uid and resourceVersion of a Lease that was deleted, the API answers 404 or 409.
      if (error.stale || exists || (error.status === 404 && state.resourceVersion !== '')) return undefined
      throw error
    }
  }

  return {
    read,
    async write(state) {
      for (const pause of pauses) {
        const written = await attempt(state)
        if (!(written instanceof ApiError)) return written
        await clock.sleep(pause, signal)
      }
      const written = await attempt(state)
      if (written instanceof ApiError) throw written
      return written
    },
  }
}

function same(found: EnvironmentState, written: EnvironmentState): boolean {
  const said = ({ ledger, lease, epoch, slots, fenced }: EnvironmentState) =>
    JSON.stringify([ledger, lease, epoch, slots, fenced])
  return said(found) === said(written)
}

function compose(name: string, namespace: string, state: EnvironmentState): object {
  const { ledger, lease, epoch, slots, fenced, uid, resourceVersion } = state
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      namespace,
      ...(resourceVersion ? { uid, resourceVersion } : {}),
      annotations: {
        [annotation.ledger]: JSON.stringify(ledger),
        [annotation.epoch]: String(epoch),
        [annotation.slots]: JSON.stringify(slots),
        [annotation.fenced]: String(fenced),
        ...(lease
          ? {
              [annotation.holder]: JSON.stringify(lease.holder),
              [annotation.deadline]: new Date(lease.deadline).toISOString(),
              [annotation.handedOver]: String(lease.handedOver),
            }
          : {}),
      },
    },
    // For people and for kubectl: nothing of this is read back.
    spec: { holderIdentity: lease?.holder.title ?? '', leaseTransitions: epoch },
  }
}

/**
 * The state that a Lease has in its annotations.
 * @param empty has the fields that the stored ledger lacks
 * @throws ToolError that names the annotation which this suite cannot have written
 */
export function parseState({ metadata }: KubeObject, empty: Ledger): EnvironmentState {
  const said = metadata.annotations ?? {}
  const read = <T>(key: string, otherwise: T, parsed: (value: unknown) => T | undefined): T => {
    const text = said[key]
    if (text === undefined) return otherwise
    const value = parsed(jsonIn(text))
    if (value !== undefined) return value
    throw new ToolError(`Lease ${metadata.name}: the annotation ${key} is damaged`, {
      tool: 'ledger',
      reason: 'record-lost',
      hint: 'It was not written by this suite. Restore it from a copy of the Lease, or delete the Lease to start a new ledger.',
    })
  }
  const epoch = read(annotation.epoch, 0, count)
  const holder = read<Holder | null>(annotation.holder, null, parseHolder)
  return {
    ledger: read(annotation.ledger, empty, value => parseLedger(value, empty)),
    lease: holder && {
      holder,
      epoch,
      deadline: Date.parse(said[annotation.deadline] ?? '') || 0,
      handedOver: said[annotation.handedOver] === 'true',
    },
    epoch,
    slots: read(annotation.slots, {}, slotsIn),
    fenced: read(annotation.fenced, 0, count),
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
  }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

function slotsIn(value: unknown): Slots | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const isSlot = (slot: unknown) =>
    Number.isSafeInteger(slot) && Number(slot) >= 0 && Number(slot) < slotCount
  return Object.entries(value).every(
    ([id, slots]) => isReleaseId(id) && Array.isArray(slots) && slots.every(isSlot),
  )
    ? value
    : undefined
}
