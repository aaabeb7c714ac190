import { describe, type KubeObject } from '../manifests/objects.ts'
import { inPool } from './pool.ts'
import type { Place } from '../state/place.ts'

const atOnce = 8

/**
 * Those of a list of objects that this account may not delete. The cluster itself tells (SelfSubjectAccessReview, which
 * every account may ask).
 * @returns one line an object: `delete ConfigMap production/extra`
 */
export async function lackedDeletions(place: Place, objects: KubeObject[]): Promise<string[]> {
  const results = await inPool(objects, atOnce, async object =>
    (await mayDelete(place, object)) ? [] : [`delete ${describe(object)}`],
  )
  return results.flatMap(result => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}

async function mayDelete({ client, paths }: Place, object: KubeObject): Promise<boolean> {
  const path = await paths.of(object).catch(() => undefined)
  // Its kind comes with the release: what it will be allowed is not known yet.
  if (path === undefined) return true
  const review = await client.create('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb: 'delete', ...attributesOf(path) } },
  })
  return (review['status'] as { allowed?: boolean } | undefined)?.allowed === true
}

/** `/apis/apps/v1/namespaces/production/deployments/api` taken apart. */
function attributesOf(path: string): { group: string; namespace: string; resource: string; name: string } {
  const [, root = '', ...rest] = path.split('/')
  const group = root === 'apis' ? (rest[0] ?? '') : ''
  const [first = '', namespace = '', ...inside] = rest.slice(root === 'apis' ? 2 : 1)
  if (first === 'namespaces' && inside.length === 2) {
    const [resource = '', name = ''] = inside
    return { group, namespace, resource, name }
  }
  return { group, namespace: '', resource: first, name: namespace }
}
