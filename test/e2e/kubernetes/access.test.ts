import { readFileSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { enterRoom, type Room } from './cluster.ts'
import { configMap, deployment, readsConfig, service } from './manifests.ts'
import { run, takeFree, bringBack, recordGood, release } from '../environment-lock.ts'

let room: Room
let folder: string
beforeAll(() => {
  room = enterRoom('access')
  folder = mkdtempSync(join(tmpdir(), 'runbook-access-'))
})
afterAll(async () => {
  await room.leave()
  rmSync(folder, { recursive: true })
})

/** deployment/k8s/access, as its README has it applied, for this namespace and this service. */
function deployerKubeconfig(): string {
  for (const file of ['serviceaccount', 'role', 'rolebinding']) {
    const text = readFileSync(`deployment/k8s/access/${file}.yaml`, 'utf8')
    room.kubectlApply(
      text
        .replaceAll('runbook-runbook-api', 'runbook-probe')
        .replaceAll('runbook-api-env', 'probe-env')
        .replaceAll('namespace: production', `namespace: ${room.namespace}`),
    )
  }
  const token = room.kubectl('create', 'token', 'runbook-deployer').trim()
  const admin = JSON.parse(room.kubectl('config', 'view', '--raw', '-o', 'json')) as {
    clusters: [{ cluster: object }]
  }
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster: admin.clusters[0].cluster }],
    users: [{ name: 'deployer', user: { token } }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'deployer' } }],
    'current-context': 'lab',
  }
  const file = join(folder, 'kubeconfig')
  writeFileSync(file, JSON.stringify(kubeconfig))
  return file
}

describe('the Role of deployment/k8s/access', () => {
  test('is enough for releases, takeovers and restores', async () => {
    const kubeconfig = deployerKubeconfig()
    const manifests = (greeting: string, more = '') => ({
      'app.yaml': deployment({ container: readsConfig }),
      'rest.yaml': `${service}---\n${configMap({ GREETING: greeting })}${more}`,
    })
    const first = await room.open(manifests('one'), { kubeconfig })
    expect(await first.target.identity()).toEqual({
      name: `system:serviceaccount:${room.namespace}:runbook-deployer`,
      from: 'kubernetes',
    })
    const lock = await takeFree(first.target, run('1'), 0)
    const good = await release(first.target, lock, 'v1.0.0', room.image, { TOKEN: 'one' })
    expect(good.rollout.kind).toBe('ready')
    await recordGood(lock, good.id)
    const second = await room.open(manifests('two', `---\n${configMap({ a: 'b' }, 'added')}`), { kubeconfig })
    const payload = await second.target.render({
      version: 'v1.1.0',
      image: room.image,
      config: { TOKEN: 'two' },
    })
    await second.target.rehearse(payload)
    expect(await second.target.capacity(payload)).toMatchObject({ enough: true })

    const taken = await takeFree(second.target, run('2'))
    const bad = await release(second.target, taken, 'v1.1.0', room.image, { TOKEN: 'two' })
    await bringBack(second.target, taken, good.id, bad.id)
    await taken.end()
    expect(await second.target.live()).toMatchObject({ release: good.id, ready: true })
    expect(await second.target.logs(5)).toEqual(expect.any(String))
  })

  test('what it lacks is named with verb, resource and where to add it', async () => {
    const { target } = await room.open(
      {
        'app.yaml': deployment({}),
        'job.yaml':
          'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: shut }\nspec: { podSelector: {} }\n',
      },
      { kubeconfig: join(folder, 'kubeconfig') },
    )
    const payload = await target.render({ version: 'v1.2.0', image: room.image, config: {} })
    await expect(target.rehearse(payload)).rejects.toMatchObject({
      code: 403,
      hint: expect.stringMatching(/verb get on networkpolicies \(networking\.k8s\.io\) to the Role/),
    })
  })
})
