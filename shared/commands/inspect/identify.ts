import { openHttp } from '../../integrations/http/http.ts'
import { oidcSubject } from '../../integrations/github/oidc.ts'
import { longestIdentity, type VerifiedIdentity } from '../../release/identity.ts'
import type { TargetPorts } from '../step/ports.ts'

/** What a ledger's record of an act has beside the claimed actor; nothing where no system verified it. */
export interface Identified {
  verified?: VerifiedIdentity[]
}

/**
 * Who acts, as the target and GitHub say, for the ledger. Best effort: that it cannot be found out keeps no release and no
 * rollback from being made.
 */
export async function identify(ports: TargetPorts): Promise<Identified> {
  const found = await Promise.all([ofTarget(ports), ofJob(ports)])
  const verified = found
    .filter(each => each !== undefined)
    .map(({ name, from }) => ({ name: name.slice(0, longestIdentity), from }))
  return verified.length > 0 ? { verified } : {}
}

async function ofTarget(ports: TargetPorts): Promise<VerifiedIdentity | undefined> {
  try {
    return await (await ports.openTarget()).identity()
  } catch (error) {
    noteUnknown(ports, 'The target does not say who acts', error)
    return undefined
  }
}

async function ofJob(ports: TargetPorts): Promise<VerifiedIdentity | undefined> {
  const http = openHttp('fresh')
  try {
    const { env, secrets, clock, signal } = ports
    const name = await oidcSubject({
      ...{ env, secrets, now: clock.now() },
      request: request => http.request({ ...request, signal }),
    })
    return name === undefined ? undefined : { name, from: 'oidc' }
  } catch (error) {
    noteUnknown(ports, 'The OIDC token of the job could not be verified', error)
    return undefined
  } finally {
    http.close()
  }
}

function noteUnknown({ signal, log }: TargetPorts, what: string, error: unknown): void {
  signal.throwIfAborted()
  log.debug(`${what}: ${String(error)}`)
}
