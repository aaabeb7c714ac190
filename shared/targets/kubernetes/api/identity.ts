import type { VerifiedIdentity } from '../../../release/identity.ts'
import { ApiError } from './api-error.ts'
import type { Client } from './client.ts'

/**
 * The user that the API server takes this process for, like `system:serviceaccount:production:runbook-deployer`: every
 * user may ask that of itself, since Kubernetes 1.28. Undefined where the server is older, or does not let it.
 */
export async function readIdentity(client: Client): Promise<VerifiedIdentity | undefined> {
  const apiVersion = 'authentication.k8s.io/v1'
  try {
    const { status } = (await client.create(`/apis/${apiVersion}/selfsubjectreviews`, {
      apiVersion,
      kind: 'SelfSubjectReview',
    })) as { status?: { userInfo?: { username?: unknown } } }
    const name = status?.userInfo?.username
    return typeof name === 'string' ? { name, from: 'kubernetes' } : undefined
  } catch (error) {
    if (error instanceof ApiError && [403, 404].includes(error.status)) return undefined
    throw error
  }
}
