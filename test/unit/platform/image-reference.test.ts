import { describe, expect, test } from '@jest/globals'
import { InputError } from '../../../shared/outcome/errors.ts'
import { nameOf, parseImage } from '../../../shared/platform/image-reference.ts'

const digest = `sha256:${'a'.repeat(64)}`

describe('an image reference', () => {
  test.each([
    ['node', 'docker.io', 'library/node', 'latest', '', 'node'],
    ['node:24-bookworm-slim', 'docker.io', 'library/node', '24-bookworm-slim', '', 'node'],
    ['org/api:v1.2.3', 'docker.io', 'org/api', 'v1.2.3', '', 'org/api'],
    ['localhost:5000/api', 'localhost:5000', 'api', 'latest', '', 'localhost:5000/api'],
    ['localhost/api', 'localhost', 'api', 'latest', '', 'localhost/api'],
    ['registry.example.com/a/b/c:1', 'registry.example.com', 'a/b/c', '1', '', 'registry.example.com/a/b/c'],
    [`ghcr.io/org/api@${digest}`, 'ghcr.io', 'org/api', '', digest, 'ghcr.io/org/api'],
    [`ghcr.io/org/api:v1@${digest}`, 'ghcr.io', 'org/api', 'v1', digest, 'ghcr.io/org/api'],
    ['docker.io/library/node', 'docker.io', 'library/node', 'latest', '', 'node'],
    ['index.docker.io/org/x', 'docker.io', 'org/x', 'latest', '', 'org/x'],
  ])('%s', (text, registry, repository, tag, pinned, name) => {
    const image = parseImage('image', text)
    expect(image).toMatchObject({ registry, repository, tag, digest: pinned })
    expect(nameOf(image)).toBe(name)
  })

  test.each([
    '',
    'org/UPPER',
    'a b',
    'api:',
    'api@sha256:short',
    'http://registry/api',
    '../x',
    '-rm',
    'api:$(id)',
    'a/../b',
    `x:${'a'.repeat(129)}`,
    'api\nv2',
  ])('%j is refused', text => {
    expect(() => parseImage('image', text)).toThrow(InputError)
  })
})
