import type { GatePorts } from '../../gate/ports.ts'
import type { Target } from '../../targets/target.ts'
import type { Ports } from '../step/ports.ts'

/** What a gate needs of a step's ports. @param target undefined when it cannot be asked */
export function gatePorts(ports: Ports, target: Target | undefined): GatePorts {
  const token = ports.env['PROMETHEUS_TOKEN']
  if (token) ports.secrets.add(token)
  const { clock, log, signal, env } = ports
  const asked = target && { vitals: () => target.vitals(), leaving: () => target.leaving() }
  return { clock, log, signal, env, ...asked }
}
