import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { resolve, toText } from '../../caller/github/expressions.ts'
import { runWholeWorkflow, type JobEnd, type JobOrder } from '../../caller/github/run-workflow.ts'
import { loadWorkflow } from '../../caller/github/workflow.ts'

// What the lab does of GitHub's part in a run, with jobs that end as the test says.

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'workflow-runs-'))
  mkdirSync(join(root, '.github/workflows'), { recursive: true })
})
afterEach(() => rmSync(root, { recursive: true }))

const file = (name: string, text: string) => writeFileSync(join(root, '.github/workflows', name), text)

interface Options {
  ends?: Record<string, JobEnd['result']>
  inputs?: Record<string, string>
  cancelled?: AbortSignal
  onJob?: (order: JobOrder, cancelled: AbortSignal) => Promise<void> | void
}

async function run({ ends = {}, inputs = {}, cancelled, onJob }: Options = {}) {
  const orders: JobOrder[] = []
  const end = await runWholeWorkflow(
    {
      repositories: { 'org/suite@v1': root },
      github: { ref_name: 'v1.0.0' },
      variables: {},
      cancelled: cancelled ?? new AbortController().signal,
      log: () => undefined,
      async runJob(order, signal) {
        orders.push(order)
        await onJob?.(order, signal)
        const outputs = Object.entries(order.outputs).map(([name, value]) => [
          name,
          toText(resolve(value, order.contexts)),
        ])
        return {
          result: signal.aborted ? 'cancelled' : (ends[order.fullName] ?? 'success'),
          outputs: Object.fromEntries(outputs) as Record<string, string>,
        }
      },
    },
    loadWorkflow(root, '.github/workflows/caller.yml'),
    inputs,
    {
      kind: 'stored',
      stored: {
        repository: { TOKEN: 'repository', HOST: 'host' },
        environments: { production: { TOKEN: 'own' } },
      },
    },
  )
  return { end, orders, ran: orders.map(({ fullName }) => fullName) }
}

describe('secrets', () => {
  const called = (head = '') => `on:
  workflow_call:
    secrets: { TOKEN: {}, HOST: {} }
jobs:
  deploy: { runs-on: ubuntu-latest, environment: production, steps: [{ run: 'true' }] }
${head}`

  test('those of an environment reach a job of the caller that names it, and no other', async () => {
    file(
      'caller.yml',
      `on: push
jobs:
  own: { runs-on: ubuntu-latest, environment: production, steps: [{ run: 'true' }] }
  other: { runs-on: ubuntu-latest, steps: [{ run: 'true' }] }
`,
    )
    const { orders } = await run()
    expect(orders.map(({ name, secrets }) => [name, secrets])).toEqual([
      ['own', { TOKEN: 'own', HOST: 'host' }],
      ['other', { TOKEN: 'repository', HOST: 'host' }],
    ])
  })

  test.each([
    ['passed by name', 'secrets: { TOKEN: "${{ secrets.TOKEN }}" }', { TOKEN: 'repository' }],
    ['inherited', 'secrets: inherit', { TOKEN: 'own', HOST: 'host' }],
    ['not passed', '', {}],
  ])('a called workflow has what is %s', async (_how, line, secrets) => {
    file('called.yml', called())
    file(
      'caller.yml',
      `on: push\njobs:\n  release:\n    uses: org/suite/.github/workflows/called.yml@v1\n    ${line}\n`,
    )
    const { orders } = await run()
    expect(orders.map(order => order.secrets)).toEqual([secrets])
  })

  test('one that it does not declare stops the run', async () => {
    file('called.yml', called())
    file(
      'caller.yml',
      'on: push\njobs:\n  release:\n    uses: ./.github/workflows/called.yml\n    secrets: { OTHER: x }\n',
    )
    await expect(run()).rejects.toThrow('Invalid secret, OTHER is not defined in the referenced workflow.')
  })
})

describe('permissions', () => {
  const call = (permissions: string) => `on: push
permissions: {}
jobs:
  release:
    ${permissions}
    uses: ./.github/workflows/called.yml
`
  const nested = `on: workflow_call
permissions: {}
jobs:
  deploy: { permissions: { contents: read, deployments: write }, runs-on: ubuntu-latest, steps: [{ run: 'true' }] }
`

  test('that the caller lacks stop the run before its first job', async () => {
    file('called.yml', nested)
    file('caller.yml', call('permissions: { contents: read }'))
    await expect(run()).rejects.toThrow(
      "The nested job 'deploy' is requesting 'deployments: write', but is only allowed 'deployments: none'.",
    )
  })

  test('that it has reach the job', async () => {
    file('called.yml', nested)
    file('caller.yml', call('permissions: { contents: read, deployments: write, actions: read }'))
    const { orders } = await run()
    expect(orders[0]?.permissions).toEqual({ contents: 'read', deployments: 'write' })
  })
})

describe('the order of jobs', () => {
  const caller = `on: push
jobs:
  a: { runs-on: ubuntu-latest, steps: [{ run: 'true' }], outputs: { tag: '\${{ github.ref_name }}' } }
  b: { needs: a, runs-on: ubuntu-latest, steps: [{ run: 'true' }] }
  always: { needs: [b], if: always(), runs-on: ubuntu-latest, steps: [{ run: 'true' }] }
  after: { needs: [always], runs-on: ubuntu-latest, steps: [{ run: 'true' }] }
  failed: { needs: [always], if: failure(), runs-on: ubuntu-latest, steps: [{ run: 'true' }] }
`
  beforeEach(() => file('caller.yml', caller))

  test('all succeed', async () => {
    const { ran, end } = await run()
    expect([ran, end.result]).toEqual([['a', 'b', 'always', 'after'], 'success'])
  })

  test('one that failed stops what depends on it, also indirectly, but for always() and failure()', async () => {
    const { ran, end } = await run({ ends: { a: 'failure' } })
    expect([ran.toSorted(), end.result]).toEqual([['a', 'always', 'failed'], 'failure'])
  })

  test('a cancelled run still runs what says always()', async () => {
    const cancel = new AbortController()
    const { ran, end } = await run({
      cancelled: cancel.signal,
      onJob: ({ id }) => (id === 'a' ? cancel.abort() : undefined),
    })
    expect([ran, end.result]).toEqual([['a', 'always'], 'cancelled'])
  })

  test('jobs after a called workflow that failed run when they say so', async () => {
    file(
      'called.yml',
      "on: workflow_call\njobs:\n  x: { runs-on: ubuntu-latest, steps: [{ run: 'true' }] }\n",
    )
    file(
      'caller.yml',
      `on: push
jobs:
  call: { uses: ./.github/workflows/called.yml }
  rest: { needs: call, if: always(), runs-on: ubuntu-latest, steps: [{ run: 'true' }] }
`,
    )
    const { ran, end } = await run({ ends: { 'call / x': 'failure' } })
    expect([ran, end.result]).toEqual([['call / x', 'rest'], 'failure'])
  })
})

describe('what is passed on', () => {
  test('inputs, outputs and the names of jobs, through a called workflow', async () => {
    file(
      'called.yml',
      `on:
  workflow_call:
    inputs: { environment: { type: string, required: true }, backup: { type: boolean, default: true } }
    outputs: { id: { value: '\${{ jobs.deploy.outputs.id }}' } }
jobs:
  deploy:
    name: deploy \${{ inputs.environment }}
    environment: { name: '\${{ inputs.environment }}', deployment: false }
    outputs: { id: 'r1-\${{ inputs.environment }}-\${{ inputs.backup }}' }
    runs-on: ubuntu-latest
    steps: [{ run: 'true' }]
`,
    )
    file(
      'caller.yml',
      `on: { workflow_dispatch: { inputs: { to: { type: choice, options: [staging] } } } }
jobs:
  call: { uses: ./.github/workflows/called.yml, with: { environment: '\${{ inputs.to }}' } }
  rest: { needs: call, runs-on: ubuntu-latest, steps: [{ run: 'echo \${{ needs.call.outputs.id }}' }] }
`,
    )
    const { orders } = await run({ inputs: { to: 'staging' } })
    expect(orders.map(({ fullName, environment }) => [fullName, environment])).toEqual([
      ['call / deploy staging', { name: 'staging', deployment: false }],
      ['rest', undefined],
    ])
    expect(JSON.stringify(orders[1]?.file)).toContain('r1-staging-true')
    await expect(run({ inputs: { to: 'production' } })).rejects.toThrow(
      "input to: unexpected value 'production'",
    )
  })

  test('one that is required and missing stops the run', async () => {
    file(
      'called.yml',
      'on: { workflow_call: { inputs: { a: { type: string, required: true } } } }\njobs:\n  x: { runs-on: u, steps: [] }\n',
    )
    file('caller.yml', 'on: push\njobs:\n  call: { uses: ./.github/workflows/called.yml, with: { b: 1 } }\n')
    await expect(run()).rejects.toThrow(
      'Invalid input, b is not defined in the referenced workflow. Input a is required, but not provided while calling.',
    )
  })

  test('each combination of a matrix is a job; one that fails cancels the others, unless fail-fast is off', async () => {
    const matrix = (more: string) => `on: push
jobs:
  each: { strategy: { matrix: { environment: [a, b] }${more} }, runs-on: ubuntu-latest, steps: [{ run: 'true' }] }
`
    const onJob = ({ name }: JobOrder, cancelled: AbortSignal) =>
      name === 'each (b)'
        ? new Promise<void>(done => {
            cancelled.addEventListener('abort', () => done())
            setImmediate(() => setImmediate(done))
          })
        : undefined
    file('caller.yml', matrix(''))
    const results = await run({ ends: { 'each (a)': 'failure' }, onJob })
    expect(results.ran).toEqual(['each (a)', 'each (b)'])
    expect(results.end.result).toBe('failure')
  })
})
