import { describe, expect, test } from '@jest/globals'
import { childEnvironment } from '../../../shared/host/child-environment.ts'

/** What a step of a deploy job has: its own inputs, the job's tokens, and what its workflow sets. */
const job = {
  PATH: '/usr/bin',
  HOME: '/home/runner',
  LANG: 'C.UTF-8',
  LC_ALL: 'C',
  TZ: 'UTC',
  CI: 'true',
  HTTPS_PROXY: 'http://proxy:3128',
  INPUT_KUBECONFIG: 'canary',
  GITHUB_TOKEN: 'canary',
  ACTIONS_RUNTIME_TOKEN: 'canary',
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'canary',
  SLACK_WEBHOOK_URL: 'canary',
  DATABASE_URL: 'canary',
  KUBECONFIG: 'canary',
  RUNBOOK_SSH_CONFIG: 'canary',
  AWS_SECRET_ACCESS_KEY: 'aws-canary',
  DOCKER_CONFIG: 'docker-canary',
  PGPASSWORD: 'pg-canary',
  NPM_CONFIG_REGISTRY: 'https://npm.example.com',
  'npm_config_//npm.example.com/:_authToken': 'canary',
  NODE_AUTH_TOKEN: 'canary',
  YARN_NPM_AUTH_TOKEN: 'canary',
  NODE_OPTIONS: '--max-old-space-size=4096',
}
const seenBy = (program: string, given = {}) => childEnvironment(program, job, given)

describe('a program', () => {
  test.each([
    ...['npm', '/usr/bin/npm', 'pnpm', 'yarn', 'node', 'git', 'ssh', 'pm2', 'kubectl', 'kustomize', 'gpg'],
    ...['promtool', 'curl', 'setpriv', 'initdb', './script/migrate'],
  ])('like %s sees none of the secrets of the step', program => {
    const seen = Object.values(seenBy(program))
    expect(seen.filter(value => value?.includes('canary'))).toEqual([])
    expect(seenBy(program)).toMatchObject({ PATH: '/usr/bin', LC_ALL: 'C', HTTPS_PROXY: 'http://proxy:3128' })
  })

  test.each([
    ['pg_dump', ['pg-canary']],
    ['stdbuf', ['pg-canary']],
    ['docker', ['aws-canary', 'docker-canary', 'pg-canary']],
    ['docker-credential-ecr-login', ['aws-canary', 'docker-canary']],
    ['trivy', ['aws-canary', 'docker-canary']],
  ])('like %s sees what it logs in with', (program, values) => {
    expect(Object.values(seenBy(program)).filter(value => value?.includes('canary'))).toEqual(values)
  })

  test('that installs packages has the settings of the registry, and not its login', () => {
    expect(seenBy('npm')).toMatchObject({
      NPM_CONFIG_REGISTRY: 'https://npm.example.com',
      NODE_OPTIONS: '--max-old-space-size=4096',
    })
  })

  test('has what its caller gives it, whatever its name', () => {
    expect(seenBy('npm', { DATABASE_URL: 'postgres://test' })).toMatchObject({
      DATABASE_URL: 'postgres://test',
    })
  })
})
