import { ToolError } from '../../outcome/errors.ts'
import { ApiError, namespaceHint } from './api-error.ts'
import type { Place } from './place.ts'

/**
 * Whether the namespace is there; undefined where this account may not ask, as one whose rights end at its namespace.
 */
export async function namespaceExists({
  client,
  namespace,
}: Pick<Place, 'client' | 'namespace'>): Promise<boolean | undefined> {
  try {
    return (await client.get(`/api/v1/namespaces/${encodeURIComponent(namespace)}`)) !== undefined
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return undefined
    throw error
  }
}

/** @throws ToolError when the namespace is known not to be there */
export async function requireNamespace(place: Pick<Place, 'client' | 'namespace'>): Promise<void> {
  if ((await namespaceExists(place)) === false) throw noNamespace(place.namespace, place.client.server)
}

export function noNamespace(namespace: string, server: string): ToolError {
  return new ToolError(`the namespace ${namespace} does not exist in ${server}`, {
    tool: 'Kubernetes API',
    code: 404,
    reason: 'namespace-not-found',
    hint: namespaceHint(namespace),
  })
}
