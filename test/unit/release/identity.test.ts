import { expect, test } from '@jest/globals'
import { describeActor } from '../../../shared/release/identity.ts'
import { identityAt } from '../../../shared/targets/docker/engine/identity.ts'

test('an actor that nothing verified is a claim', () => {
  expect(describeActor('ada', undefined)).toBe('ada (claimed)')
  expect(describeActor('ada', [])).toBe('ada (claimed)')
  expect(describeActor('', undefined)).toBe('unknown')
})

test('what verified it is named', () => {
  expect(
    describeActor('ada', [
      { name: 'system:serviceaccount:production:deployer', from: 'kubernetes' },
      { name: 'repo:org/api:environment:production', from: 'oidc' },
    ]),
  ).toBe(
    'ada, verified as system:serviceaccount:production:deployer (by the API server) and repo:org/api:environment:production (by the OIDC token of the job)',
  )
})

test('on a Docker engine it is the account that lets the process in', () => {
  const at = (host: string) => identityAt({ host, source: 'DOCKER_HOST', tls: undefined })
  expect(at('ssh://deploy@staging.example.com:22')).toEqual({
    name: 'deploy@staging.example.com',
    from: 'ssh',
  })
  expect(at('ssh://staging.example.com')).toBeUndefined()
  expect(at('tcp://127.0.0.1:2375')).toBeUndefined()
  expect(at('unix:///var/run/docker.sock')).toMatchObject({ from: 'account' })
})
