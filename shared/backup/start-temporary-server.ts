import { ToolError } from '../outcome/errors.ts'
import { startContainerServer } from './container-server.ts'
import { startLocalServer } from './local-server.ts'
import type { BackupPorts } from './ports.ts'
import type { Programs } from './programs.ts'
import { noServerHint, type Restored, type TemporaryServer } from './temporary-server.ts'

/**
 * Makes and starts a server where its programs are: on this machine, or in a container of it.
 * @throws ToolError when there is no room, or it does not start
 */
export async function startTemporaryServer(
  ports: BackupPorts,
  { image, server, pgDump, major }: Programs,
  restored: Restored,
): Promise<TemporaryServer> {
  if (image !== undefined) return startContainerServer(ports, image, restored)
  if (!server) throw new ToolError(`No server programs lie beside ${pgDump}`, noServerHint(major))
  return startLocalServer(ports, server, restored)
}
