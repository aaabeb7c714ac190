import { startContainerServer } from './container-server.ts'
import { startLocalServer } from './local-server.ts'
import type { BackupPorts } from '../ports.ts'
import type { Sandbox } from './sandbox.ts'
import type { Restored, ServerPrograms, TemporaryServer } from './temporary-server.ts'

/** Where a temporary server runs: in either, it reaches neither this machine's files and processes nor any network. */
export type ServerPlace =
  { kind: 'sandbox'; sandbox: Sandbox; programs: ServerPrograms } | { kind: 'container'; image: string }

/**
 * Makes and starts a server.
 * @throws ToolError when there is no room, or it does not start
 */
export async function startTemporaryServer(
  ports: BackupPorts,
  place: ServerPlace,
  restored: Restored,
): Promise<TemporaryServer> {
  if (place.kind === 'container') return startContainerServer(ports, place.image, restored)
  return startLocalServer(ports, place.programs, place.sandbox, restored)
}
