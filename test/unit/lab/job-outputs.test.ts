import { describe, expect, test } from '@jest/globals'
import { keepOutputs, masksOf } from '../../caller/github/secrets.ts'
import { isOwn, newBelongings, ownOf, placeOf, volumesOf } from '../../caller/own-engine.ts'
import { outlivesCancellation } from '../../caller/cancel-job.ts'

describe('outputs of a job', () => {
  const outputs = {
    image: 'docker.io/acme/api',
    basic: Buffer.from('acme:s3cret').toString('base64'),
    json: String.raw`{"key":"two\"words"}`,
    digest: 'sha256:abc',
    empty: '',
  }

  test('in which something would be masked are dropped, encoded or not', () => {
    const masks = ['acme', 's3cret', 'two"words']
    expect(keepOutputs(outputs, masks)).toEqual({
      kept: { digest: 'sha256:abc' },
      skipped: ['image', 'basic', 'json'],
    })
  })

  test('are kept where nothing is masked; an empty one is none', () => {
    expect(Object.keys(keepOutputs(outputs, []).kept)).toEqual(['image', 'basic', 'json', 'digest'])
  })

  test('each line of a value is masked as well', () => {
    expect(masksOf(' A=1\r\n\n  B=22 \n')).toEqual(['A=1\r\n\n  B=22', 'A=1', 'B=22'])
  })
})

test.each([
  [undefined, false],
  ['success()', false],
  ["steps.a.outcome == 'success'", false],
  ['failure()', false],
  ['always()', true],
  ['${{ cancelled() }}', true],
  ['!cancelled()', false],
  ["always() && steps.a.outputs.b == 'x'", true],
])('a step with the condition %s outlives a cancellation: %s', (condition, lives) => {
  expect(outlivesCancellation(condition)).toBe(lives)
})

describe("what a job sees of the lab's engine", () => {
  test.each([
    ['GET', '/v1.44/containers/json?all=1', { lists: 'containers' }],
    ['GET', '/volumes', { lists: 'volumes' }],
    ['POST', '/v1.44/containers/create?name=api', { creates: 'containers' }],
    ['POST', '/v1.44/containers/api/start', { refersTo: { kind: 'containers', name: 'api' } }],
    ['GET', '/containers/api/json', { refersTo: { kind: 'containers', name: 'api' } }],
    ['DELETE', '/volumes/ledger', { refersTo: { kind: 'volumes', name: 'ledger' } }],
    ['POST', '/v1.44/build?t=a', {}],
    ['GET', '/_ping', {}],
  ])('%s %s', (method, url, place) => {
    expect(placeOf(method, url)).toEqual(place)
  })

  test('lists hold what it has made', () => {
    const own = newBelongings()
    own.containers.add('a'.repeat(64))
    own.volumes.add('mine')
    const containers = [{ Id: 'a'.repeat(64) }, { Id: 'b'.repeat(64) }]
    expect(JSON.parse(ownOf(own, 'containers', JSON.stringify(containers)))).toEqual([containers[0]])
    const volumes = { Volumes: [{ Name: 'mine' }, { Name: 'theirs' }], Warnings: null }
    expect(JSON.parse(ownOf(own, 'volumes', JSON.stringify(volumes)))).toEqual({
      Volumes: [{ Name: 'mine' }],
      Warnings: null,
    })
    expect(isOwn(own, { kind: 'containers', name: 'aaaaaaaaaaaa' })).toBe(true)
    expect(isOwn(own, { kind: 'containers', name: 'bbbbbbbbbbbb' })).toBe(false)
  })

  test('a container names the volumes that it uses', () => {
    const mounts = [
      { Type: 'volume', Source: 'ledger' },
      { Type: 'bind', Source: '/etc' },
    ]
    const body = JSON.stringify({ HostConfig: { Binds: ['data:/data', '/srv:/srv:ro'], Mounts: mounts } })
    expect(volumesOf('containers', body)).toEqual(['data', 'ledger'])
    expect(volumesOf('volumes', '{"Name":"ledger"}')).toEqual(['ledger'])
  })
})
