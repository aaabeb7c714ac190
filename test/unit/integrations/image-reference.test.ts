import { describe, expect, test } from '@jest/globals'
import { InputError } from '../../../shared/outcome/errors.ts'
import {
  nameOf,
  parseImage,
  referenceFault,
  repositoryFault,
} from '../../../shared/integrations/registry/image-reference.ts'

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

describe('why a reference is refused stands in the error, with what to write', () => {
  test.each([
    [
      'ghcr.io/Acme-Shop/Orders:v1',
      'has capital letters in its repository ("Acme-Shop/Orders")',
      'acme-shop/orders',
    ],
    ['Acme/orders', 'has capital letters', 'Write acme/orders'],
    [' ghcr.io/org/api', 'has a blank at its beginning or end', 'Remove the blank'],
    ['ghcr.io/org/a pi', 'has a blank in it', 'Remove the blank'],
    ['https://ghcr.io/org/api', 'begins with the scheme https://', 'Write ghcr.io/org/api'],
    ['ghcr.io/org/api:', 'no tag follows', 'or none'],
    ['ghcr.io/org/api:v1/2', 'has the part "api:v1"', 'as the registry shows it'],
    ['ghcr.io/org/api:$(id)', 'has the tag "$(id)"', 'a tag like v1.2.3'],
    ['ghcr.io/org/api@sha256:abc', 'has the digest "sha256:abc"', 'whole digest'],
    [`ghcr.io/org/api@sha512:${'a'.repeat(128)}`, 'is not sha256:', 'whole digest'],
    ['ghcr.io//api', 'has an empty part', 'as the registry shows it'],
    ['ghcr.io/org/api/', 'has an empty part', 'as the registry shows it'],
    ['ghcr.io/org/-api', 'has the part "-api"', 'as the registry shows it'],
    ['gh_cr.io/org/api', 'has a registry that is not HOST or HOST:PORT ("gh_cr.io")', 'localhost:5000'],
    [`ghcr.io/${'a'.repeat(260)}`, 'is 268 characters long, and 255 are the most', 'Shorten it'],
  ])('%j', (text, fault, remedy) => {
    expect(referenceFault(text)?.fault).toContain(fault)
    expect(referenceFault(text)?.remedy).toContain(remedy)
    expect(() => parseImage('image', text)).toThrow(fault)
  })

  test('a repository that images are pushed to has neither tag nor digest', () => {
    expect(repositoryFault('ghcr.io/org/api:latest')).toEqual({
      fault: 'has a tag (:"latest"), and the version becomes the tag',
      remedy: 'Write ghcr.io/org/api, without the tag',
    })
    expect(repositoryFault(`ghcr.io/org/api@${digest}`)?.fault).toContain('has a digest')
    expect(repositoryFault('https://ghcr.io/org/api')?.fault).toContain('scheme https://')
    expect(repositoryFault('ghcr.io/org/api ')?.fault).toContain('blank')
    expect(repositoryFault('ghcr.io/Org/Api')?.fault).toContain('capital letters')
    for (const good of ['localhost:5000/orders', 'org/orders', 'orders', '[::1]:5000/orders'])
      expect([good, repositoryFault(good)]).toEqual([good, undefined])
  })
})
