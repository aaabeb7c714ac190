import { expect, test } from '@jest/globals'
import { messageOf } from '../../../shared/outcome/errors.ts'
import { systemClock as clock } from '../../../shared/host/clock.ts'
import { readGitHubPlace } from '../../../shared/integrations/github/github-rest.ts'
import { openGitHub } from '../../../shared/integrations/github/open-github.ts'

test('a runner says where its GitHub is; elsewhere there is none', () => {
  expect(readGitHubPlace({})).toBeUndefined()
  expect(readGitHubPlace({ GITHUB_REPOSITORY: 'org/api' })).toEqual({
    apiUrl: 'https://api.github.com',
    repository: 'org/api',
  })
  const enterprise = { GITHUB_REPOSITORY: 'org/api', GITHUB_API_URL: 'https://ghe.example.com/api/v3' }
  expect(readGitHubPlace(enterprise)?.apiUrl).toBe('https://ghe.example.com/api/v3')
})

test('a repository that is none is refused before anything is asked', () => {
  const open = () =>
    openGitHub({
      apiUrl: 'https://api.github.com',
      repository: 'org/api/../other',
      token: 'x',
      clock,
      timeoutMs: 1,
      signal: new AbortController().signal,
    })
  expect(open).toThrow('accepted: owner/name')
  try {
    open()
  } catch (error) {
    expect(messageOf(error)).toContain('GITHUB_REPOSITORY')
  }
})
