import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import type { Check, CheckContext } from '../../../shared/checks/check.ts'
import { imageUser } from '../../../shared/checks/release/image-user.ts'
import { image } from '../../../shared/checks/release/image.ts'
import { manifests } from '../../../shared/checks/release/manifests.ts'
import { resources } from '../../../shared/checks/infrastructure/resources.ts'
import { rollbackPossible } from '../../../shared/checks/release/rollback-possible.ts'
import { createContext } from '../../../shared/commands/check/check-context.ts'
import { enterRoom, type Room } from '../kubernetes/cluster.ts'
import { configMap, deployment } from '../kubernetes/manifests.ts'
import { openStage, type Stage } from '../rollback/stage.ts'

let room: Room
let stage: Stage
const app = (pod = '') => deployment({ pod })
beforeAll(async () => {
  room = enterRoom('checks')
  stage = openStage(room)
  await stage.run({ manifests: { 'app.yaml': app() } }).release('v1.0.0')
})
afterAll(async () => {
  await stage.leave()
  await room.leave()
})

/** Asks about a release of v1.1.0 with this image and these manifests. */
async function check(which: Check, reference = room.image, text = app()) {
  const { environment, ports } = stage.run({ manifests: { 'app.yaml': text } })
  const candidate = { version: 'v1.1.0', image: reference, 'force-conflicts': false }
  const context: CheckContext = createContext(environment, candidate, ports)
  return which
    .run(context)
    .catch((error: unknown) => ({ result: 'fail', finding: String(error), remedy: '' }))
}

test('a full quota fails what needs room, and the way back; both pass once it was raised', async () => {
  expect(await check(resources)).toMatchObject({ result: 'pass' })
  expect(await check(rollbackPossible)).toMatchObject({
    result: 'pass',
    finding: expect.stringMatching(/^v1\.0\.0 \(r1\) is recorded whole, and .* would take it back$/),
  })
  const quota = (pods: number) =>
    room.kubectlApply(
      `apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: full }\nspec: { hard: { pods: "${pods}" } }\n`,
    )
  quota(1)
  const used = ['get', 'resourcequota', 'full', '-o', 'jsonpath={.status.used.pods}']
  while (room.kubectl(...used) !== '1');
  expect(await check(resources)).toMatchObject({
    result: 'fail',
    finding: expect.stringContaining('full has 1 of 1 pods in use'),
    remedy: expect.stringContaining('Raise the ResourceQuota'),
  })
  expect(await check(rollbackPossible)).toMatchObject({
    result: 'fail',
    finding: expect.stringMatching(/would not take v1\.0\.0 \(r1\) back: .*exceeded quota/),
    remedy: expect.stringContaining('A rollback would fail on the same'),
  })
  quota(3)
  while (!room.kubectl('get', 'resourcequota', 'full', '-o', 'jsonpath={.status.hard.pods}').includes('3'));
  expect((await check(resources)).result).toBe('pass')
  expect((await check(rollbackPossible)).result).toBe('pass')
})

test('an account that may not delete what the release adds has no way back, until it was given the right', async () => {
  const added = { 'app.yaml': app(), 'more.yaml': configMap({ A: '1' }) }
  const asDeployer = async (verbs: string) => {
    const kubeconfig = deployerWith(verbs)
    const { target } = await room.open(added, { kubeconfig })
    const { environment, ports } = stage.run({ manifests: added })
    const candidate = { version: 'v1.1.0', image: room.image, 'force-conflicts': false }
    const context = createContext(environment, candidate, {
      ...ports,
      openTarget: () => Promise.resolve(target),
    })
    return rollbackPossible.run(context)
  }
  expect(await asDeployer('get, list, watch, create, patch, update')).toMatchObject({
    result: 'fail',
    finding: expect.stringContaining(
      `would have to delete ConfigMap ${room.namespace}/probe-config, and this account may not`,
    ),
    remedy: expect.stringContaining('Add these rights to the Role'),
  })
  expect((await asDeployer('get, list, watch, create, patch, update, delete')).result).toBe('pass')
})

/** A kubeconfig of an account that may do these things to everything in the namespace. */
function deployerWith(verbs: string): string {
  room.kubectlApply(`apiVersion: v1
kind: ServiceAccount
metadata: { name: deployer }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: deployer }
rules: [{ apiGroups: ['*'], resources: ['*'], verbs: [${verbs}] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: deployer }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer }
subjects: [{ kind: ServiceAccount, name: deployer, namespace: ${room.namespace} }]
`)
  const admin = JSON.parse(room.kubectl('config', 'view', '--raw', '-o', 'json')) as { clusters: object[] }
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: admin.clusters,
    users: [{ name: 'deployer', user: { token: room.kubectl('create', 'token', 'deployer').trim() } }],
    contexts: [
      { name: 'lab', context: { cluster: (admin.clusters[0] as { name: string }).name, user: 'deployer' } },
    ],
    'current-context': 'lab',
  })
}

test('a manifest that the cluster does not know fails, and passes when it is fixed', async () => {
  expect(await check(manifests, room.image, app('      hostNetwrok: true\n'))).toMatchObject({
    result: 'fail',
    finding: expect.stringContaining('hostNetwrok'),
  })
  expect(await check(manifests)).toMatchObject({ result: 'pass' })
})

test('an image that is gone fails, and so does one that runs as root, unless manifest or image say otherwise', async () => {
  expect(await check(image)).toMatchObject({ result: 'pass', finding: room.image })
  const gone = `${room.image.split('@')[0] ?? ''}@sha256:${'0'.repeat(64)}`
  expect(await check(image, gone)).toMatchObject({
    result: 'fail',
    finding: expect.stringContaining('has no image'),
  })
  expect(await check(imageUser)).toMatchObject({
    result: 'fail',
    finding: 'it runs as root (USER is not set)',
    remedy: expect.stringContaining('USER 1000:1000'),
  })
  expect(
    await check(imageUser, room.image, app('      securityContext: { runAsUser: 1000 }\n')),
  ).toMatchObject({
    result: 'pass',
    finding: 'the image says root, and the manifests make it user 1000',
  })
  const plain = buildFrom(room.image, 'USER 1000:1000')
  expect(await check(imageUser, plain)).toMatchObject({
    result: 'pass',
    finding: 'it runs as 1000:1000',
  })
  expect(await check(imageUser, plain, app('      securityContext: { runAsUser: 0 }\n'))).toMatchObject({
    result: 'fail',
    finding: 'the manifests make it root (runAsUser: 0), whatever the image says (1000:1000)',
  })
})

/** The remedy, followed: the same image with one more line in its Dockerfile. */
function buildFrom(base: string, line: string): string {
  const name = `${room.lab.registry}/e2e-probe:user`
  const docker = (args: string[], input = '') =>
    execFileSync('docker', ['--host', room.lab.docker.host, ...args], {
      input,
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
      stdio: 'pipe',
    })
  docker(['build', '-q', '-t', name, '-'], `FROM ${base}\n${line}\n`)
  docker(['push', name])
  return name
}
