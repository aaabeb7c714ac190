import { uniqueItems } from '../manifests/duplicates.ts'
import { groupOf, type KubeObject } from '../manifests/objects.ts'
import { parseQuantity } from '../manifests/quantity.ts'

/** A manifest as the API server takes it, and where it differs from what was written. */
export interface Fitted {
  object: KubeObject
  /** One line each: `stays at 2Gi: ...`. */
  notes: string[]
}

/**
 * Fits a manifest to what cannot be undone in the live object: a claim stays as large as it is, and a definition keeps the
 * versions in which objects are stored. An item that stands twice in a list is sent once.
 * @param live undefined when the object is not there
 */
export function fitToLive(manifest: KubeObject, live: KubeObject | undefined): Fitted {
  const unique = uniqueItems(manifest)
  const fitted = live ? fitKind(unique.object, live) : { object: unique.object, notes: [] }
  return { object: fitted.object, notes: [...unique.notes, ...fitted.notes] }
}

function fitKind(manifest: KubeObject, live: KubeObject): Fitted {
  const group = groupOf(manifest.apiVersion)
  if (manifest.kind === 'PersistentVolumeClaim' && group === '') return keepSize(manifest, live)
  if (manifest.kind === 'CustomResourceDefinition' && group === 'apiextensions.k8s.io')
    return keepStoredVersions(manifest, live)
  return { object: manifest, notes: [] }
}

interface ClaimSpec {
  resources?: { requests?: { storage?: string | number } }
}

/** The API server lets a claim grow alone (ValidatePersistentVolumeClaimUpdate, Kubernetes 1.35). */
function keepSize(manifest: KubeObject, live: KubeObject): Fitted {
  const [wanted, found] = [manifest, live].map(
    ({ spec }) => (spec as ClaimSpec | undefined)?.resources?.requests?.storage,
  )
  if (wanted === undefined || found === undefined || parseQuantity(found) <= parseQuantity(wanted))
    return { object: manifest, notes: [] }
  const { resources, ...spec } = (manifest.spec ?? {}) as ClaimSpec
  const kept = { ...resources, requests: { ...resources?.requests, storage: found } }
  return {
    object: { ...manifest, spec: { ...spec, resources: kept } },
    notes: [`stays at ${found} instead of ${wanted}: a claim cannot shrink`],
  }
}

interface Version {
  name: string
  storage?: boolean
  [field: string]: unknown
}

/** The API server refuses a definition without a version in which objects may be stored (status.storedVersions). */
function keepStoredVersions(manifest: KubeObject, live: KubeObject): Fitted {
  const { storedVersions = [] } = (live['status'] ?? {}) as { storedVersions?: string[] }
  const [wanted = [], found = []] = [manifest, live].map(
    ({ spec }) => spec?.['versions'] as Version[] | undefined,
  )
  const names = new Set(wanted.map(({ name }) => name))
  const kept = found.filter(({ name }) => storedVersions.includes(name) && !names.has(name))
  if (kept.length === 0) return { object: manifest, notes: [] }
  // Objects go on being stored as they are: a narrower version would lose fields of theirs.
  const storing = kept.some(({ storage }) => storage)
  const versions = [...wanted.map(each => (storing ? { ...each, storage: false } : each)), ...kept]
  const list = kept.map(({ name }) => name).join(', ')
  return {
    object: { ...manifest, spec: { ...manifest.spec, versions } },
    notes: [`keeps the version ${list}: objects are stored in it`],
  }
}
