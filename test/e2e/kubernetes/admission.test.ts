import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { enterRoom, type Room } from './cluster.ts'
import { deployment } from './manifests.ts'
import { startWebhook, type Operation } from './webhook.ts'
import { recordGood, release, run, takeFree } from '../environment-lock.ts'

// What the cluster makes of a release on its way in is the release.

let room: Room
let endWebhook: (() => void) | undefined
beforeAll(() => {
  room = enterRoom('admission')
})
afterAll(() => {
  endWebhook?.()
  return room.leave()
})

interface Pods {
  spec: { template: { spec: { containers: { name: string; image: string }[] } } }
}

/** Another name of the same registry for each image, and a sidecar at the level of the workload. */
function rewrite(object: unknown): Operation[] {
  const { containers } = (object as Pods).spec.template.spec
  const at = '/spec/template/spec/containers'
  const images = containers.flatMap(({ image }, index): Operation[] =>
    image.startsWith('localhost:')
      ? [
          {
            op: 'replace',
            path: `${at}/${index}/image`,
            value: image.replace('localhost:', '127.0.0.1:'),
          },
        ]
      : [],
  )
  if (containers.some(({ name }) => name === 'sidecar')) return images
  const image = room.image.replace('localhost:', '127.0.0.1:')
  const sidecar = { name: 'sidecar', image, command: ['sleep', '100000'] }
  return [...images, { op: 'add', path: `${at}/0`, value: sidecar }]
}

test('an image that admission rewrites, and a sidecar that it adds, are the release; another image is not', async () => {
  endWebhook = await startWebhook(room, rewrite)
  const { target } = await room.open({ 'app.yaml': deployment() })
  const lock = await takeFree(target, run('1'))
  const first = await release(target, lock, 'v1.0.0', room.image)
  expect(first.rollout.kind).toBe('ready')
  expect(await target.live()).toMatchObject({ release: first.id, version: 'v1.0.0', image: room.image })
  expect(await target.deviations(first.id)).toEqual([])
  await recordGood(lock, first.id)
  await lock.end()
  expect(await target.drift()).toEqual([])

  // The webhook is in this process, which has to go on answering.
  const { kubectl, kubeconfig, registry } = room.lab
  await promisify(execFile)(kubectl, [
    ...['--kubeconfig', kubeconfig, '-n', room.namespace],
    ...['set', 'image', 'deployment/probe', `app=${registry}/e2e-probe:1`],
  ])
  expect(await target.live()).toMatchObject({ release: null })
  expect(await target.drift()).toEqual([
    expect.objectContaining({
      object: `Deployment ${room.namespace}/probe`,
      what: expect.stringContaining('spec.template.spec.containers[app].image is 127.0.0.1:'),
      by: 'kubectl-set',
    }),
  ])
})
