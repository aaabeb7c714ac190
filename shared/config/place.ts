import { InputError } from '../outcome/errors.ts'

/** A port in a cluster, as `[NAMESPACE/]service/NAME:PORT` or `[NAMESPACE/]pod/NAME:PORT` says it. */
export interface ClusterPlace {
  /** Empty: that of the environment's target. */
  namespace: string
  kind: 'service' | 'pod'
  name: string
  port: number
}

export const acceptedPlace = 'service/NAME:PORT or pod/NAME:PORT, with NAMESPACE/ in front of it if need be'

/** What `parsePlace` reads. */
export const placePattern =
  /^(?:([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)\/)?(service|pod)\/([a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?):([1-9]\d{0,4})$/

/**
 * @param where the input's name, or the place in the runbook
 * @throws InputError for anything else
 */
export function parsePlace(where: string, text: string): ClusterPlace {
  const [, namespace = '', kind, name = '', port] = placePattern.exec(text) ?? []
  if (kind === undefined || Number(port) > 65_535) throw InputError.of(where, text, acceptedPlace)
  return { namespace, kind: kind === 'pod' ? 'pod' : 'service', name, port: Number(port) }
}
