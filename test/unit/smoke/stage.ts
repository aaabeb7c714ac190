import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock as clock } from '../../../shared/host/clock.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import type { Environment } from '../../../shared/config/environment.ts'
import { runSmoke, type SmokeOverrides, type SmokeResult } from '../../../shared/smoke/run.ts'
import { silent } from '../../log.ts'

/** A suite of one request that every service answers. */
export const one = 'name: one\nrequests: [{ name: root, path: / }]'

/** A real server, and smoke tests of it. */
export interface Stage {
  url: string
  /** How the server answers; `{}` until it is set. */
  handle: RequestListener
  smoke(
    suite: string,
    said?: SmokeOverrides,
    env?: Record<string, string>,
    secrets?: ReturnType<typeof createSecrets>,
  ): Promise<SmokeResult>
  close(): void
}

export async function openStage(): Promise<Stage> {
  const root = mkdtempSync(join(tmpdir(), 'smoke-'))
  const server = createServer((request, response) => stage.handle(request, response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const stage: Stage = {
    url,
    handle: (_, response) => void response.end('{}'),
    smoke(suite, said = {}, env = {}, secrets = createSecrets()) {
      writeFileSync(join(root, 'suite.yml'), suite)
      const environment = {
        name: 'staging',
        url,
        root,
        monitoring: { prometheus: '', grafana: '', pushgateway: '' },
        notify: { slack: '', github: '' },
        smoke: { suite: 'suite.yml', requests: 0, concurrency: 4 },
      } as Environment
      const signal = new AbortController().signal
      return runSmoke(environment, { clock, log: silent, secrets, env, signal }, said)
    },
    close() {
      server.close()
      server.closeAllConnections()
      rmSync(root, { recursive: true })
    },
  }
  return stage
}
