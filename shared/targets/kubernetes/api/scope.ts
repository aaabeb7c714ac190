import { InputError } from '../../../outcome/errors.ts'
import { groupOf, stamps, type KubeObject } from '../manifests/objects.ts'
import { builtIn, type Paths } from './resources.ts'

/**
 * Takes the namespace from objects of the cluster whose kind only the API, or a definition among them, knows; says on
 * every object of the cluster for which environment it is. A kind that is not known is left to the trial, which names it.
 */
export async function placeInScope(objects: KubeObject[], paths: Paths, namespace: string): Promise<void> {
  const defined = new Map(objects.flatMap(scopeDefined))
  await Promise.all(
    objects.map(async ({ apiVersion, kind, metadata }) => {
      const scope = defined.get(`${groupOf(apiVersion)}/${kind}`) ?? (await scopeOf(apiVersion, kind, paths))
      if (scope === 'Cluster') {
        delete metadata.namespace
        metadata.labels = { ...metadata.labels, [stamps.namespace]: namespace }
      }
    }),
  )
}

type Scope = 'Cluster' | 'Namespaced'

function scopeDefined({ kind, spec }: KubeObject): [string, Scope][] {
  if (kind !== 'CustomResourceDefinition') return []
  const {
    group = '',
    names,
    scope,
  } = (spec ?? {}) as {
    group?: string
    names?: { kind?: string }
    scope?: Scope
  }
  return scope && names?.kind ? [[`${group}/${names.kind}`, scope]] : []
}

async function scopeOf(apiVersion: string, kind: string, paths: Paths): Promise<Scope | undefined> {
  const familiar = builtIn(apiVersion, kind)
  try {
    const { namespaced } = familiar ?? (await paths.resource(apiVersion, kind))
    return namespaced ? 'Namespaced' : 'Cluster'
  } catch (error) {
    if (error instanceof InputError) return undefined
    throw error
  }
}
