import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { comments, examples, type Inputs, type Step, type Workflow } from './workflow-files.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'workflows')
// A probe looks at GitHub, and is no part of a release.
const files = readdirSync(folder).filter(file => file.endsWith('.yml') && !file.startsWith('probe'))
const load = (file: string) => parse(readFileSync(file, 'utf8')) as unknown
const workflows = files.map(file => ({
  file,
  workflow: load(join(folder, file)) as Workflow,
  text: readFileSync(join(folder, file), 'utf8'),
}))

const jobs = workflows.flatMap(({ file, workflow }) =>
  Object.entries(workflow.jobs).map(([name, job]) => ({ where: `${file} ${name}`, job })),
)
const steps = jobs.flatMap(({ where, job }) =>
  (job.steps ?? []).map(step => ({ where: `${where}: ${step.name ?? step.uses ?? '?'}`, step })),
)
/** Everything that is called: an action by a step, or a workflow by a job. */
const calls = [
  ...steps.flatMap(({ where, step }) =>
    step.uses ? [{ where, uses: step.uses, given: step.with ?? {} }] : [],
  ),
  ...jobs.flatMap(({ where, job }) => (job.uses ? [{ where, uses: job.uses, given: job.with ?? {} }] : [])),
]
const ours = calls.flatMap(call => {
  // Without a path it is the root action.
  const match = /^org\/runbook-actions(?:\/(.+))?@(.+)$/.exec(call.uses)
  return match ? [{ ...call, path: match[1] ?? '', ref: String(match[2]) }] : []
})

test('the published workflows are there', () => {
  expect(files.sort()).toEqual([
    'backup.yml',
    'drill.yml',
    'health-watch.yml',
    'promote.yml',
    'recover.yml',
    'release.yml',
    'rollback.yml',
  ])
})

describe.each(workflows)('$file', ({ file, workflow, text }) => {
  test('gives no permission that a job does not ask for', () => {
    expect(workflow.permissions).toEqual({})
  })

  // It drops pending runs, and the lease orders them; but scheduled ones would pile up behind one that takes long.
  test('has concurrency where it is scheduled, and nowhere else', () => {
    expect(workflow).not.toHaveProperty('concurrency')
    for (const job of Object.values(workflow.jobs))
      if (workflow.on.schedule === undefined) expect(job).not.toHaveProperty('concurrency')
      else expect(job.concurrency).toMatchObject({ 'cancel-in-progress': false })
  })

  test('that is scheduled runs every few hours at most, and says what it costs', () => {
    for (const { cron } of workflow.on.schedule ?? []) {
      expect(cron).toMatch(/^\d+ /)
      expect(text).toMatch(/^# What it costs: .*$/m)
      expect(text).toMatch(/`runbook [a-z-]+ ENVIRONMENT`/)
      expect(text.slice(0, text.indexOf('\nname: '))).toContain(`cron: '${cron}'`)
    }
  })

  test('shows a caller every secret that can be passed on', () => {
    const declared = Object.keys(workflow.on.workflow_call?.secrets ?? {})
    const [example] = examples(comments(join(folder, file)))
    const passed = Object.values(example?.jobs ?? {}).flatMap(job => Object.keys(job.secrets ?? {}))
    expect(passed.toSorted()).toEqual(declared.toSorted())
  })

  // GitHub files a deployment for every job that names an environment; what is live is filed by `notify.github`.
  test('files no deployment by naming an environment', () => {
    for (const { environment } of Object.values(workflow.jobs))
      if (environment !== undefined) expect(environment).toMatchObject({ deployment: false })
  })
})

test.each(jobs)('$where has its own permissions, and a timeout where it runs by itself', ({ job }) => {
  expect(job.permissions).toBeDefined()
  // Deployments are what GitHub shows of what serves: only jobs that may change that record it.
  const changes = (job.steps ?? []).some(({ uses = '' }) =>
    /^org\/runbook-actions(\/(deploy|rollback))?@/.test(uses),
  )
  // A watch remembers by how it ended before.
  const watches = (job.steps ?? []).some(({ uses = '' }) => uses.includes('/health-watch@'))
  // Whether the commit passed CI, and was approved.
  const asks = (job.steps ?? []).some(({ uses = '' }) =>
    /^org\/runbook-actions(\/pre-deploy-check)?@/.test(uses),
  )
  // A build pushes the image; a job that changes what is live may have to pull one again.
  const builds = (job.steps ?? []).some(({ uses = '' }) => uses.includes('/build-image@'))
  // Who states how the image was built signs with the run's identity, and runs nothing else.
  const attests = (job.steps ?? []).some(({ uses = '' }) =>
    uses.startsWith('actions/attest-build-provenance@'),
  )
  const most = {
    contents: 'read',
    ...(attests ? { attestations: 'write', 'id-token': 'write', packages: 'write' } : {}),
    ...(changes || job.uses ? { deployments: 'write', packages: 'read' } : {}),
    ...(builds ? { packages: 'write' } : {}),
    ...(watches || asks || job.uses ? { actions: 'read' } : {}),
    ...(asks || job.uses ? { checks: 'read', 'pull-requests': 'read', statuses: 'read' } : {}),
  }
  expect(most).toEqual(expect.objectContaining(job.permissions as object))
  if (job.steps) expect(job['timeout-minutes']).toBeGreaterThan(0)
})

test('only the job that attests may sign, and it runs no code of the service', () => {
  const signers = jobs.filter(
    ({ job }) => (job.permissions as Record<string, string>)['id-token'] === 'write',
  )
  expect(signers.map(({ where }) => where)).toEqual(['release.yml attest'])
  for (const { job } of signers)
    expect(
      (job.steps ?? []).filter(
        ({ run = '', uses = '' }) => /npm|docker build/.test(run) || /checkout|build-image/.test(uses),
      ),
    ).toEqual([])
})

test.each(steps)('$where ends in bounded time, and puts no expression into a script', ({ step }) => {
  expect(step['timeout-minutes']).toBeGreaterThan(0)
  expect(step.run ?? '').not.toContain('${{')
})

test.each(calls)('$where: $uses is ours, or pinned to a commit', ({ uses }) => {
  expect(uses).toMatch(
    /^(org\/runbook-actions(\/.+)?@v1|actions\/(checkout|setup-node|attest-build-provenance)@[0-9a-f]{40})$/,
  )
})

test.each(ours)('$where passes only what $uses takes, and all that it requires', ({ path, given }) => {
  const inputs = inputsOf(path)
  expect(Object.keys(inputs)).toEqual(expect.arrayContaining(Object.keys(given)))
  const required = Object.entries(inputs).filter(([, input]) => input.required === true)
  expect(Object.keys(given)).toEqual(expect.arrayContaining(required.map(([name]) => name)))
})

test.each(jobs.filter(({ job }) => job.uses))('$where passes only secrets that are declared', ({ job }) => {
  const declared = callable(String(/([\w-]+\.yml)@/.exec(String(job.uses))?.[1])).secrets ?? {}
  expect(job.secrets).not.toBe('inherit')
  expect(Object.keys(declared)).toEqual(expect.arrayContaining(Object.keys(job.secrets ?? {})))
})

test('every declared input and secret is used', () => {
  for (const { file, workflow } of workflows) {
    const text = readFileSync(join(folder, file), 'utf8')
    const { inputs = {}, secrets = {} } = workflow.on.workflow_call ?? {}
    const unused = [
      ...Object.keys(inputs).filter(name => !text.includes(`inputs.${name}`)),
      ...Object.keys(secrets).filter(name => !text.includes(`secrets.${name}`)),
    ]
    expect({ file, unused }).toEqual({ file, unused: [] })
  }
})

function inputsOf(path: string) {
  const called = /^\.github\/workflows\/(.+)$/.exec(path)?.[1]
  if (called !== undefined) return callable(called).inputs ?? {}
  const file = join(root, path === '' ? '.' : `actions/${path}`, 'action.yml')
  if (!existsSync(file)) throw new Error(`${file} is missing: script/build writes it`)
  return (load(file) as Inputs).inputs ?? {}
}

function callable(file: string): Inputs {
  const called = load(join(folder, file)) as Workflow
  return called.on.workflow_call ?? {}
}

test('steps of one name do the same everywhere', () => {
  const scripts = new Map<string, Set<string>>()
  for (const { step } of steps)
    if (step.name && step.run) scripts.set(step.name, (scripts.get(step.name) ?? new Set()).add(step.run))
  const differing = [...scripts].filter(([, ways]) => ways.size > 1).map(([name]) => name)
  expect(differing).toEqual([])
})

test('no script is longer than a few lines', () => {
  const long = steps.filter(({ step }) => (step.run ?? '').trim().split('\n').length > 4)
  expect(long.map(({ where }) => where)).toEqual([])
})

describe('a step that reaches an environment', () => {
  // These look at files, or at what users can reach.
  const outside = ['check-inputs', 'build-image', 'health-watch']
  const reaching = steps.filter(({ step: { uses = '' } }) => {
    const path = /^org\/runbook-actions(?:\/(.+))?@/.exec(uses)
    return path !== null && !outside.includes(path[1] ?? '')
  })

  test.each(reaching)(
    '$where is given its credentials itself, as long as it and its post step run',
    ({ step }) => {
      const secrets = ['ENV_FILE', 'BACKUP_ENV_FILE', 'KUBECONFIG', 'DOCKER_HOST', 'DOCKER_SSH_KEY']
      for (const name of [...secrets, 'DOCKER_SSH_KNOWN_HOSTS'])
        expect(step.env?.[name]).toBe(`\${{ secrets.${name} }}`)
      expect(step.with).not.toHaveProperty('kubeconfig')
    },
  )
})

// GitHub hands no job output on that contains a secret, and the name of an image often contains the registry's user.
test('of the image that is built, only the digest travels between jobs', () => {
  const { jobs: all } = load(join(folder, 'release.yml')) as Workflow
  expect((all['build'] as unknown as { outputs: unknown }).outputs).toEqual({
    digest: '${{ steps.build.outputs.digest }}',
  })
  expect(all['staging']?.with?.['image']).toBe('${{ inputs.image }}@${{ needs.build.outputs.digest }}')
  expect(all['production']?.with?.['image']).toBe(
    '${{ inputs.image }}@${{ needs.staging.outputs.image-digest }}',
  )
})

test.each(['release.yml', 'promote.yml'])('%s checks its inputs before it does anything else', file => {
  const [first] = Object.values((load(join(folder, file)) as Workflow).jobs)
  const [checkout, check] = first?.steps ?? []
  expect([checkout?.uses, check?.uses]).toEqual([
    expect.stringMatching(/^actions\/checkout@/),
    'org/runbook-actions/check-inputs@v1',
  ])
})

test('the first job of release.yml is given every input that a later job uses', () => {
  const { inputs = {} } = callable('release.yml')
  const text = JSON.stringify((load(join(folder, 'release.yml')) as Workflow).jobs['version'])
  // Read by the runner itself, a choice of two, or the name of a GitHub environment.
  const unchecked =
    /^(runs-on|node-version|backup|attest|(staging|production)-(force-conflicts|recovery-environment))$/
  const missing = Object.keys(inputs).filter(
    name => !unchecked.test(name) && !text.includes(`inputs.${name} `),
  )
  expect(missing).toEqual([])
})

test('release.yml hands on to each environment all that promote.yml takes of an environment', () => {
  const { inputs = {} } = callable('promote.yml')
  const ofAll = new Set(['version', 'image', 'config', 'environment', 'runs-on', 'working-directory'])
  // The integration tests are for staging; a backup is made of production alone.
  const ofOne = new Set(['url', 'integration-script', 'node-version', 'backup'])
  const each = Object.keys(inputs).filter(name => !ofAll.has(name) && !ofOne.has(name))
  const { inputs: released = {} } = callable('release.yml')
  const { jobs: both } = load(join(folder, 'release.yml')) as Workflow
  for (const environment of ['staging', 'production']) {
    for (const name of each) {
      expect(released).toHaveProperty(`${environment}-${name}`)
      expect(both[environment]?.with?.[name]).toBe(`\${{ inputs.${environment}-${name} }}`)
    }
  }
})

test('what the pages call an input of release.yml is one, and a secret a secret', () => {
  const { inputs = {}, secrets = {} } = callable('release.yml')
  const pages = ['README.md', 'docs/troubleshooting.md', 'docs/your-service.md']
  const text = pages.map(page => readFileSync(join(root, page), 'utf8')).join('\n')
  const named = [...text.matchAll(/\b(staging|production)-[a-z-]+\b/g)].map(([name]) => name)
  const environments = ['staging-recovery', 'production-recovery']
  expect(named.length).toBeGreaterThan(6)
  expect([...Object.keys(inputs), ...environments]).toEqual(expect.arrayContaining(named))
  const shown = [...text.matchAll(/`((?:STAGING|PRODUCTION|REGISTRY)_[A-Z_]+)`/g)].map(([, name]) => name)
  expect(shown.length).toBeGreaterThan(4)
  expect(Object.keys(secrets)).toEqual(expect.arrayContaining(shown))
})

describe('an example grants what GitHub wants granted', () => {
  const shown = [
    ...files.map(file => ({ where: `workflows/${file}`, text: comments(join(folder, file)) })),
    { where: 'README.md', text: readFileSync(join(root, 'README.md'), 'utf8') },
    ...readdirSync(join(root, 'docs'))
      .filter(file => file.endsWith('.md'))
      .map(file => ({
        where: `docs/${file}`,
        text: readFileSync(join(root, 'docs', file), 'utf8'),
      })),
    ...['release.yml', 'rollback.yml'].map(file => ({
      where: `test/caller/${file}`,
      text: readFileSync(join(root, 'test/caller/template/.github/workflows', file), 'utf8'),
    })),
  ].flatMap(({ where, text }) => examples(text).map(workflow => ({ where, workflow })))

  test('examples are there', () => {
    const pages = new Set(shown.map(({ where }) => where))
    expect([...pages]).toEqual(expect.arrayContaining(['README.md', 'workflows/release.yml']))
  })

  test.each(shown)('$where', ({ workflow }) => {
    for (const job of Object.values(workflow.jobs)) {
      const file = String(/workflows\/([\w-]+\.yml)@/.exec(String(job.uses))?.[1])
      const { inputs = {}, secrets = {} } = callable(file)
      expect(Object.keys(inputs)).toEqual(expect.arrayContaining(Object.keys(job.with ?? {})))
      expect(Object.keys(secrets)).toEqual(expect.arrayContaining(Object.keys(job.secrets ?? {})))
      // Without any word of permissions the default of the repository holds, which reads contents.
      const granted = job.permissions ?? workflow.permissions ?? { contents: 'read' }
      expect(granted).toEqual(wantedBy(file))
    }
  })
})

/** What the jobs of a workflow ask for together, and those of the workflows that it calls. */
function wantedBy(file: string): Record<string, string> {
  const wanted: Record<string, string> = {}
  const { jobs: called } = load(join(folder, file)) as Workflow
  for (const { permissions = {} } of Object.values(called))
    for (const [name, level] of Object.entries(permissions as Record<string, string>))
      if (wanted[name] !== 'write') wanted[name] = level
  return wanted
}

describe('who settles when the runner died', () => {
  const { jobs: promotion } = load(join(folder, 'promote.yml')) as {
    jobs: Record<string, { needs?: string; if?: string; environment?: { name: string } }>
  }

  test('runs whatever became of the promotion, after it, and without its reviewers', () => {
    const { needs, if: condition, environment } = promotion['settle'] ?? {}
    expect({ needs, condition }).toEqual({ needs: ['promote', 'integration'], condition: 'always()' })
    expect(environment?.name).toContain("format('{0}-recovery', inputs.environment)")
    expect(promotion['promote']?.environment?.name).toBe('${{ inputs.environment }}')
  })

  test('looks every hour as well, in each environment by itself, and fails when something was unfinished', () => {
    const { on, jobs: recovery } = load(join(folder, 'recover.yml')) as {
      on: { schedule: { cron: string }[] }
      jobs: Record<string, { strategy?: { 'fail-fast'?: boolean }; steps: Step[] }>
    }
    expect(on.schedule).toEqual([{ cron: '23 * * * *' }])
    expect(recovery['settle']?.strategy?.['fail-fast']).toBe(false)
    expect(recovery['settle']?.steps.at(-1)?.with).toMatchObject({ settle: true, 'fail-if-recovered': true })
  })
})
