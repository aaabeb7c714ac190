import { ApiError } from '../api/api-error.ts'
import type { Client } from '../api/client.ts'
import type { Growth } from './symptom.ts'

/** API groups and versions by which managed clusters, and the autoscalers that bring their own, are known. */
const managed =
  /(^|\.)(karpenter\.(sh|k8s\.aws)|gke\.io|k8s\.aws|azure\.com|eks\.amazonaws\.com|openshift\.io)$/
const managedVersion = /-(gke|eks)[.-]/

/**
 * Whether nodes may be added by the cluster itself: those of a cloud may, those of one's own machines do not. An account
 * that may not list nodes goes by what every account may read: the API's groups and version.
 */
export async function growthOf(client: Client): Promise<Growth> {
  try {
    const { items } = await client.list('/api/v1/nodes')
    const providers = items.map(({ spec }) => (spec?.['providerID'] as string | undefined) ?? '')
    return providers.some(id => !/^($|kind:|k3s:|kwok:)/.test(id)) ? 'yes' : 'no'
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) return 'perhaps'
  }
  try {
    const [groups, version] = await Promise.all([client.get('/apis'), client.get('/version')])
    const names = ((groups?.['groups'] ?? []) as { name: string }[]).map(({ name }) => name)
    const found =
      managedVersion.test(String(version?.['gitVersion'])) || names.some(name => managed.test(name))
    return found ? 'yes' : 'perhaps'
  } catch {
    return 'perhaps'
  }
}
