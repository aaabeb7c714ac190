import type { RollbackPlan } from '../../target.ts'
import { objectsOf } from '../apply/apply.ts'
import type { KubernetesBody } from '../apply/body.ts'
import { describe, keyOf, type KubeObject } from '../manifests/objects.ts'
import type { Place } from '../state/place.ts'
import { leftOut } from '../apply/prune.ts'
import { parseQuantity } from '../manifests/quantity.ts'
import { lackedDeletions } from '../api/rights.ts'

/** What becomes of one object in a rollback, where that is not simply what is recorded. */
export type Effect =
  /** It is deleted and created again. */
  | { kind: 'replaced'; object: KubeObject; why: string }
  /** It stays as the new release left it. */
  | { kind: 'kept'; object: KubeObject; why: string }

/**
 * What a rollback from a release that is about to be deployed to a recorded one would do. The API server cannot be asked:
 * its dry runs do not build on each other. So the rules of Kubernetes for changes that cannot be undone are applied.
 */
export async function planRollback(
  place: Place,
  good: KubernetesBody,
  planned: KubernetesBody,
): Promise<RollbackPlan> {
  const [old, added] = [objectsOf(good, 'r0', place.service), objectsOf(planned, 'r0', place.service)]
  const effects = effectsOf(old, added)
  const replaced = effects.filter(({ kind }) => kind === 'replaced').map(({ object }) => object)
  return {
    lacked: await lackedDeletions(place, [...leftOut(added, old), ...replaced]),
    notes: effects.map(({ kind, object, why }) =>
      kind === 'replaced'
        ? `${describe(object)} would be deleted and created again: ${why}`
        : `${describe(object)} would stay as it is then: ${why}`,
    ),
  }
}

/** The objects that a rollback cannot simply set back once the planned release has been applied. */
export function effectsOf(good: KubeObject[], planned: KubeObject[]): Effect[] {
  const next = new Map(planned.map(object => [keyOf(object), object]))
  return good.flatMap(object => {
    const after = next.get(keyOf(object))
    return after ? (effectOf(object, after) ?? []) : []
  })
}

function effectOf(object: KubeObject, after: KubeObject): Effect | undefined {
  switch (object.kind) {
    case 'ConfigMap':
    case 'Secret': {
      const same = contentOf(object) === contentOf(after) && object['immutable'] === true
      if (after['immutable'] !== true || same) return undefined
      return {
        kind: 'replaced',
        object,
        why: 'the new release makes it immutable, and the pods that use it have to end first',
      }
    }
    case 'PersistentVolumeClaim': {
      const [before, size] = [sizeOf(object), sizeOf(after)]
      if (size === undefined || parseQuantity(size) <= parseQuantity(before)) return undefined
      return {
        kind: 'kept',
        object,
        why: `the new release lets it grow to ${size}, and a claim cannot shrink`,
      }
    }
    case 'CustomResourceDefinition': {
      const stored = versionsOf(after).find(({ storage }) => storage)?.name
      if (stored === undefined || versionsOf(object).some(({ name }) => name === stored)) return undefined
      const why = `the new release stores objects in its version ${stored}, which it then keeps`
      return { kind: 'kept', object, why }
    }
    default:
      return undefined
  }
}

function contentOf({ data, binaryData }: KubeObject): string {
  const sorted = [data, binaryData].map(each =>
    Object.entries((each ?? {}) as Record<string, string>).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
  return JSON.stringify(sorted)
}

function sizeOf({ spec }: KubeObject): string | number | undefined {
  return (spec as { resources?: { requests?: { storage?: string | number } } } | undefined)?.resources
    ?.requests?.storage
}

function versionsOf({ spec }: KubeObject): { name: string; storage?: boolean }[] {
  return (spec?.['versions'] ?? []) as { name: string; storage?: boolean }[]
}
