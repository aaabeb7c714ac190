import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { imageUser } from '../../../shared/checks/release/image-user.ts'
import { systemExec, type ExecResult } from '../../../shared/host/exec.ts'
import type { TargetSpec } from '../../../shared/config/schema/schema.ts'
import type { Target } from '../../../shared/targets/target.ts'
import { contextOf } from './context.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'image-user-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const cluster: TargetSpec = {
  kind: 'kubernetes',
  namespace: 'api',
  manifests: 'app.yaml',
  workload: 'deployment/api',
}
const container: TargetSpec = { kind: 'docker', container: 'api', ports: ['1:1'], host: 'ssh://staging' }

/** Of an image that only the engine has, of which `docker image inspect` tells this. */
function check(target: TargetSpec, inspected: ExecResult) {
  const pin = () => Promise.resolve('sha256:1')
  return imageUser.run(
    contextOf(
      { root, target },
      {
        image: 'org/api:v1',
        target: () => Promise.resolve({ pin } as Partial<Target> as Target),
        exec: { ...systemExec, run: () => Promise.resolve(inspected) },
      },
    ),
  )
}

const inspected = (stdout: string) => ({ code: 0, stdout, stderr: '' })
const workload = (pod: string) =>
  writeFileSync(
    join(root, 'app.yaml'),
    `{ kind: Deployment, metadata: { name: api }, spec: { template: { spec: ${pod} } } }`,
  )

test('what the manifests say of the user goes before what the image says', async () => {
  workload('{ containers: [{ image: api, securityContext: { runAsUser: 0 } }] }')
  expect(await check(cluster, inspected('1000'))).toMatchObject({
    result: 'fail',
    finding: expect.stringContaining('runAsUser: 0'),
  })
  workload('{ securityContext: { runAsUser: 0 }, containers: [{ image: api }] }')
  expect((await check(cluster, inspected('1000'))).result).toBe('fail')
  workload('{ containers: [{ image: api, securityContext: { runAsUser: 7 } }, { image: sidecar }] }')
  expect((await check(cluster, inspected(''))).result).toBe('pass')
  workload('{ containers: [{ image: api }, { image: sidecar, securityContext: { runAsUser: 0 } }] }')
  expect((await check(cluster, inspected('1000'))).result).toBe('pass')
  expect((await check(cluster, inspected('root'))).result).toBe('fail')
})

test('an engine that does not tell is not taken for an image without a user', async () => {
  const asked = check(container, { code: 1, stdout: '', stderr: 'permission denied' })
  await expect(asked).rejects.toMatchObject({
    message: 'docker does not show the image sha256:1',
    hint: expect.stringContaining('docker --host ssh://staging image inspect sha256:1'),
  })
})
