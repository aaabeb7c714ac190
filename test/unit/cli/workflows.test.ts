import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { initialise } from '../../../cli/init/init.ts'
import { imageOf, parseRemote } from '../../../cli/init/repository.ts'
import { faultsOfWorkflow, type Workflow } from '../../contract/workflow-faults.ts'

// The workflows that `runbook init` writes, for repositories of several kinds.

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'workflows-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const publication = { repository: 'org/runbook-actions', ref: 'v1' }
const folder = () => join(root, '.github/workflows')
const text = (name: string) => readFileSync(join(folder(), name), 'utf8')
const workflow = (name: string) => parse(text(name)) as Workflow
const write = (path: string, content: string) => {
  mkdirSync(join(root, path, '..'), { recursive: true })
  writeFileSync(join(root, path), content)
}
const clone = (remote: string) => {
  execFileSync('git', ['init', '-q', root])
  execFileSync('git', ['-C', root, 'remote', 'add', 'origin', remote])
}

const runbooks = {
  'the first runbook of init': '',
  'one environment': `service: api
environments:
  live: { target: { kind: docker, container: api, ports: ['80:3000'], host: 'tcp://10.0.0.2:2376' } }
`,
  'names that YAML and job ids do not take as they are': `service: api
environments:
  build: { target: { kind: kubernetes, namespace: api, manifests: k8s, workload: deployment/api } }
  github: { target: { kind: kubernetes, namespace: api, manifests: k8s, workload: deployment/api }, env-file: .env.github }
  'null': { target: { kind: kubernetes, namespace: api, manifests: k8s, workload: deployment/api } }
  1st: { target: { kind: kubernetes, namespace: api, manifests: k8s, workload: deployment/api } }
`,
  'everything that a runbook may name': `service: api
environments:
  development: { target: { kind: process, app: api, directory: releases, start: index.js } }
  bare-metal: { target: { kind: process, app: api, directory: releases, start: index.js } }
  live:
    target: { kind: kubernetes, namespace: api, manifests: k8s, workload: deployment/api }
    env-file: deployment/config/.env.live
    backup: { destination: 's3://backups/live', env-file: deployment/config/.env.live.backup }
    notify: { slack: RELEASES_WEBHOOK, github: GITHUB_TOKEN }
    monitoring: { prometheus: 'https://prometheus.example.com', grafana: 'https://grafana.example.com' }
`,
}

describe.each(Object.entries(runbooks))('%s', (_what, runbook) => {
  test.each(['git@github.com:Org/Orders.git', 'https://gitlab.example.com/org/orders'])(
    'is released by workflows that GitHub takes: %s',
    async remote => {
      clone(remote)
      if (runbook !== '') write('deployment/runbook.yml', runbook)
      initialise(root, publication)
      expect(readdirSync(folder())).toEqual(['recover.yml', 'release.yml', 'rollback.yml'])
      for (const name of readdirSync(folder()))
        expect({ name, faults: await faultsOfWorkflow(name, text(name)) }).toEqual({ name, faults: [] })
    },
  )
})

test('each environment has a job of its own that names it, and a recovery job that has no reviewers to wait for', () => {
  clone('git@github.com:Org/Orders.git')
  write('Dockerfile', 'FROM scratch\n')
  initialise(root, publication)
  const { jobs } = workflow('release.yml')
  const summary = Object.entries(jobs).map(([name, job]) => [name, job.environment])
  expect(summary).toEqual([
    ['build', undefined],
    ['staging', { name: 'staging', deployment: false }],
    ['staging-recovery', { name: 'staging-recovery', deployment: false }],
    ['production', { name: 'production', deployment: false }],
    ['production-recovery', { name: 'production-recovery', deployment: false }],
  ])
  expect(text('release.yml')).toContain("if: ${{ always() && (needs.production.result == 'failure'")
  expect(text('release.yml')).not.toContain('secrets: inherit')
})

test('GitHub shows one deployment for what is live: the runbook tells it, and no job files one; older servers lack the key', () => {
  clone('git@github.com:Org/Orders.git')
  initialise(root, publication)
  expect(text('../../deployment/runbook.yml').match(/notify: \{ github: GITHUB_TOKEN \}/g)).toHaveLength(2)
  expect(text('release.yml').match(/deployments: write/g)).toHaveLength(4)
  for (const name of readdirSync(folder()))
    for (const [job, { environment }] of Object.entries(workflow(name).jobs))
      if (job !== 'build') expect(environment).toHaveProperty('deployment', false)
})

test('a server of an organisation gets no key that it may not know', () => {
  clone('git@github.example.com:org/orders.git')
  initialise(root, publication)
  for (const name of readdirSync(folder())) expect(text(name)).not.toContain('deployment: false')
  expect(text('../../deployment/runbook.yml')).not.toContain('notify')
})

test('only the digest travels between jobs, and the image is put together where it is used', () => {
  clone('git@github.com:Org/Orders.git')
  write('package.json', '{ "name": "@org/orders-api" }')
  initialise(root, publication)
  const { jobs } = parse(text('release.yml')) as { jobs: Record<string, { outputs?: object }> }
  expect(jobs['build']?.outputs).toEqual({ digest: '${{ steps.build.outputs.digest }}' })
  expect(text('release.yml')).toContain('IMAGE: ghcr.io/org/orders-api\n')
  expect(text('release.yml').match(/image: \$\{\{ env\.IMAGE \}\}@\$\{\{ needs\.build/g)).toHaveLength(2)
})

test('a step gets the secrets of its own environment only, from GitHub environments or with a prefix from the repository', () => {
  write('deployment/runbook.yml', runbooks['everything that a runbook may name'])
  clone('git@github.com:Org/Orders.git')
  initialise(root, publication)
  interface Steps {
    jobs: Record<string, { permissions: object; steps: { env?: Record<string, string> }[] }>
  }
  const { jobs } = parse(text('rollback.yml')) as Steps
  const envOf = (job: string) => jobs[job]?.steps.at(-1)?.env
  expect(envOf('bare-metal')).toEqual({ GITHUB_TOKEN: '${{ github.token }}' })
  expect(envOf('live')).toEqual({
    ENV_FILE: '${{ secrets.ENV_FILE || secrets.LIVE_ENV_FILE }}',
    BACKUP_ENV_FILE: '${{ secrets.BACKUP_ENV_FILE || secrets.LIVE_BACKUP_ENV_FILE }}',
    KUBECONFIG: '${{ secrets.KUBECONFIG || secrets.LIVE_KUBECONFIG }}',
    RELEASES_WEBHOOK: '${{ secrets.RELEASES_WEBHOOK }}',
    GRAFANA_TOKEN: '${{ secrets.GRAFANA_TOKEN }}',
    PROMETHEUS_TOKEN: '${{ secrets.PROMETHEUS_TOKEN }}',
    GITHUB_TOKEN: '${{ github.token }}',
  })
  expect(jobs['live']?.permissions).toEqual({ contents: 'read', deployments: 'write', packages: 'read' })
  expect(jobs['bare-metal']?.permissions).toEqual({ contents: 'read' })
})

test('the workflows call the actions of the publication that the command comes from', () => {
  const ref = '0123456789abcdef0123456789abcdef01234567'
  initialise(root, { repository: 'acme/own-copy', ref })
  const called = ['release.yml', 'rollback.yml', 'recover.yml'].flatMap(name =>
    [...text(name).matchAll(/uses: (acme\S+)/g)].map(([, uses]) => uses),
  )
  expect([...new Set(called)].sort()).toEqual([
    `acme/own-copy/build-image@${ref}`,
    `acme/own-copy/rollback@${ref}`,
    `acme/own-copy@${ref}`,
  ])
})

test('a workflow that is there stays, and nothing is said of an image or a Dockerfile for it', () => {
  write('.github/workflows/release.yml', 'name: mine\n')
  const { evidence } = initialise(root, publication)
  expect(text('release.yml')).toBe('name: mine\n')
  expect(evidence.filter(({ tone }) => tone === 'warn')).toEqual([])
})

test('a registry that is not known and a Dockerfile that is missing are said', () => {
  clone('https://user:token-of-a-user@git.example.com/org/orders.git')
  const { evidence } = initialise(root, publication)
  const said = evidence.filter(({ tone }) => tone === 'warn')
  expect(said.map(({ subject }) => subject)).toEqual(['image', 'Dockerfile'])
  expect(JSON.stringify(evidence) + text('release.yml')).not.toContain('token-of-a-user')
})

test('a runbook with development alone has no workflows', () => {
  write(
    'deployment/runbook.yml',
    'service: api\nenvironments:\n  development: { target: { kind: process, app: api, directory: r, start: i.js } }\n',
  )
  const { evidence } = initialise(root, publication)
  expect(evidence).toContainEqual(expect.objectContaining({ subject: '.github/workflows', tone: 'note' }))
  expect(() => readdirSync(folder())).toThrow()
})

test.each([
  ['https://github.com/Org/Orders.git', { host: 'github.com', owner: 'Org', name: 'Orders' }],
  ['https://github.com/org/orders', { host: 'github.com', owner: 'org', name: 'orders' }],
  ['git@github.com:org/orders.js.git', { host: 'github.com', owner: 'org', name: 'orders.js' }],
  [
    'ssh://git@github.example.com:2222/org/orders.git',
    { host: 'github.example.com', owner: 'org', name: 'orders' },
  ],
  ['/srv/git/orders.git', undefined],
  ['../orders', undefined],
  ['', undefined],
])('the remote %s', (address, remote) => {
  expect(parseRemote(address)).toEqual(remote)
})

test('the image of a repository on GitHub is in its registry, in lower case', () => {
  expect(imageOf({ host: 'github.com', owner: 'Acme-Shop', name: 'Orders' }, 'orders')).toEqual({
    image: 'ghcr.io/acme-shop/orders',
    isGuess: false,
  })
})
