import { describe, expect, test } from '@jest/globals'
import { builtFrom, digestIn } from '../../../shared/commands/build/built-image.ts'

const [one, two] = ['1', '2'].map(digit => digit.repeat(40)) as [string, string]
const digest = `sha256:${'a'.repeat(64)}`

describe('the image of an earlier run', () => {
  test('is taken when it was built from the same commit', () => {
    expect(builtFrom('ghcr.io/org/api:v1.0.0', one, one)).toBeUndefined()
  })

  test.each([
    ['of another commit', two, `from commit ${two}`],
    ['without a label', '', 'without the label org.opencontainers.image.revision'],
    ['with a label that is no commit', '::error::x', 'without the label'],
  ])('%s is refused', (_what, revision, message) => {
    expect(builtFrom('ghcr.io/org/api:v1.0.0', revision, one)).toMatchObject({
      status: 'failure',
      reason: 'version-moved',
      summary: expect.stringContaining(message) as unknown,
    })
  })

  test('is not taken where this commit is unknown', () => {
    expect(builtFrom('ghcr.io/org/api:v1.0.0', '', '')).toBeDefined()
  })
})

test.each([
  [['ghcr.io/org/api'], 'ghcr.io/org/api', digest],
  [['other.example.com/api', 'org/api'], 'docker.io/org/api', digest],
  [['node'], 'docker.io/library/node', digest],
  [['ghcr.io/org/apix'], 'ghcr.io/org/api', undefined],
  [[], 'ghcr.io/org/api', undefined],
])('of what the engine lists, %j, the digest is that of %s', (names, repository, found) => {
  const listed = JSON.stringify(names.map(name => `${name}@${digest}`))
  expect(digestIn(listed, repository)).toBe(found)
  expect(digestIn('null', repository)).toBeUndefined()
})
