import type { Environment } from '../config/environment.ts'
import type { Adapters } from './adapters.ts'
import type { Tunnel } from './tunnel.ts'

/**
 * Opens a way to a port of the cluster: of the target's cluster and namespace, or where the target is none, of the
 * kubeconfig's current one.
 * @param place like `service/postgres:5432`
 */
export async function openTunnel(
  { target, name }: Environment,
  place: string,
  adapters: Adapters,
): Promise<Tunnel> {
  const { openTunnel: open } = await import('./kubernetes/tunnel/tunnel.ts')
  const scope =
    target.kind === 'kubernetes'
      ? { namespace: target.namespace, context: target.context }
      : { namespace: 'default', context: undefined }
  return open(`tunnel of ${name}`, place, scope, adapters)
}
