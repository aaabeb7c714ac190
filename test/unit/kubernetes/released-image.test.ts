import { describe, expect, test } from '@jest/globals'
import { imagesOfRelease, pinImage } from '../../../shared/targets/kubernetes/apply/released-image.ts'

const digest = `sha256:${'a'.repeat(64)}`

describe('of the images of containers, the release takes the place of', () => {
  test.each([
    ['one that names no registry', ['proxy'], `ghcr.io/org/proxy@${digest}`, ['proxy']],
    [
      'one in the registry of another environment',
      ['ghcr.io/org/proxy:dev'],
      'localhost:5000/proxy:v1',
      ['ghcr.io/org/proxy:dev'],
    ],
    [
      'its own, and not another of the same last name',
      ['ghcr.io/org/proxy:dev', 'envoyproxy/proxy:v1.30', 'docker.io/library/proxy:1'],
      'ghcr.io/org/proxy:v1',
      ['ghcr.io/org/proxy:dev'],
    ],
    ['the one with more equal parts', ['org/proxy', 'other/proxy'], 'ghcr.io/org/proxy:v1', ['org/proxy']],
    [
      'the bare name before a foreign one',
      ['proxy:v1', 'envoyproxy/proxy'],
      'ghcr.io/org/proxy',
      ['proxy:v1'],
    ],
    [
      'both spellings of Docker Hub',
      ['docker.io/library/proxy', 'proxy:dev'],
      'ghcr.io/org/proxy',
      ['docker.io/library/proxy', 'proxy:dev'],
    ],
    [
      'its own with a port in the registry',
      [`localhost:5000/a/proxy:v1@${digest}`, 'localhost:5001/b/proxy'],
      'localhost:5000/a/proxy',
      [`localhost:5000/a/proxy:v1@${digest}`],
    ],
    ['none that only ends alike', ['my-proxy', 'proxy/agent'], 'ghcr.io/org/proxy', []],
  ])('%s', (_what, images, released, expected) => {
    expect([...imagesOfRelease(images, released)]).toEqual(expected)
  })
})

test('two repositories that fit alike are refused, with both names', () => {
  const containers = ['ghcr.io/a/proxy:1', 'ghcr.io/b/proxy:2'].map((image, index) => ({
    name: `c${index}`,
    image,
  }))
  expect(() => pinImage(containers, 'localhost:5000/proxy:v1', 'k8s')).toThrow(
    'k8s: containers have the images ghcr.io/a/proxy and ghcr.io/b/proxy, and either may be meant by "localhost:5000/proxy:v1"',
  )
  expect(containers.map(({ image }) => image)).toEqual(['ghcr.io/a/proxy:1', 'ghcr.io/b/proxy:2'])
})

test('a bare name with a tag beside its own may be an image of Docker Hub: it is refused with both ways to write it', () => {
  const containers = ['ghcr.io/org/nginx:1', 'nginx:1.27'].map((image, index) => ({
    name: `c${index}`,
    image,
  }))
  expect(() => pinImage(containers, 'ghcr.io/org/nginx:v2', 'k8s')).toThrow(
    'k8s: a container has the image nginx:1.27 and another ghcr.io/org/nginx; it is not certain that the first is "ghcr.io/org/nginx:v2"',
  )
})
