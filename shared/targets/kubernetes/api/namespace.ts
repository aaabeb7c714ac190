import { ToolError } from '../../../outcome/errors.ts'
import { ApiError, namespaceHint } from './api-error.ts'
import { describeDeletion, isBeingDeleted } from '../apply/deletion.ts'
import type { KubeObject } from '../manifests/objects.ts'
import type { Place } from '../state/place.ts'

/** The namespace; unknown where this account may not read it, as one whose rights end at its namespace. */
async function readNamespace({
  client,
  namespace,
}: Pick<Place, 'client' | 'namespace'>): Promise<KubeObject | 'absent' | 'unknown'> {
  try {
    return (await client.get(`/api/v1/namespaces/${encodeURIComponent(namespace)}`)) ?? 'absent'
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return 'unknown'
    throw error
  }
}

/** @throws ToolError when the namespace is known not to be there, or to be about to go */
export async function requireNamespace(place: Pick<Place, 'client' | 'namespace'>): Promise<void> {
  const found = await readNamespace(place)
  if (found === 'unknown') return
  if (found === 'absent') throw noNamespace(place.namespace, place.client.server)
  if (!isBeingDeleted(found)) return
  throw new ToolError(`the namespace ${place.namespace} ${describeDeletion(found)}`, {
    tool: 'Kubernetes API',
    reason: 'being-deleted',
    hint: 'Wait until it is gone, make it anew, then run this again; kubectl describe namespace says what holds it.',
  })
}

export function noNamespace(namespace: string, server: string): ToolError {
  return new ToolError(`the namespace ${namespace} does not exist in ${server}`, {
    tool: 'Kubernetes API',
    code: 404,
    reason: 'namespace-not-found',
    hint: namespaceHint(namespace),
  })
}
