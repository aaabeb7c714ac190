import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { activeDeployments, addScheduledRuns } from '../../caller/github-records.ts'
import { git } from '../../caller/git.ts'
import { isRunning } from '../../caller/processes.ts'
import { runOnGitHub, type GitHubRunRequest } from '../../caller/github-run.ts'
import { startGitHub, type GitHubStandIn } from '../../lab/github.ts'
import { openLab, type Lab } from '../../lab/lab.ts'

// Where act is more lenient than GitHub, the lab is not: small workflows that would pass in act alone.

jest.setTimeout(120_000)

const folder = mkdtempSync(join(tmpdir(), 'strict-lab-'))
const repository = join(folder, 'repository')
const mark = `e2e-strict-${process.pid}`
let lab: Lab
let runs = 0

beforeAll(() => {
  lab = openLab()
  mkdirSync(join(repository, '.github/workflows'), { recursive: true })
  git(repository, 'init', '-q', '--initial-branch=main')
  docker('volume', 'create', mark)
})
afterAll(() => {
  docker('volume', 'rm', '--force', mark)
  rmSync(folder, { recursive: true, force: true })
})

function docker(...args: string[]): string {
  return execFileSync('docker', ['--host', lab.docker.host, ...args], { encoding: 'utf8' })
}

/** Runs the workflow caller.yml by hand, on a commit with these files. */
async function run(files: Record<string, string>, more: Partial<GitHubRunRequest> = {}) {
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(repository, '.github/workflows', name), text)
  git(repository, 'add', '--all')
  git(repository, 'commit', '-q', '--allow-empty', '-m', 'a workflow')
  runs++
  const result = await runOnGitHub({
    ...{ lab, tree: folder, repository, folder: join(folder, String(runs)), id: 5_000 + runs },
    trigger: { event: 'workflow_dispatch', workflow: 'caller.yml', inputs: {} },
    secrets: {},
    signal: new AbortController().signal,
    ...more,
  })
  const outputs = Object.fromEntries(result.jobs.map(({ name, outputs: each }) => [name, each]))
  return { ...result, outputs, text: existsSync(result.log) ? readFileSync(result.log, 'utf8') : '' }
}

test('a called workflow has the secrets that are passed, and an environment those of its own jobs', async () => {
  const show = `outputs: { token: '\${{ steps.s.outputs.token }}' }
    steps: [{ id: s, run: 'echo "token=\${TOKEN:+set} \${#TOKEN}" >> "$GITHUB_OUTPUT"', env: { TOKEN: '\${{ secrets.TOKEN }}' } }]`
  const { outputs } = await run(
    {
      'called.yml': `on: { workflow_call: { secrets: { TOKEN: {} } } }
jobs:
  job:
    environment: production
    runs-on: ubuntu-latest
    ${show}
`,
      'caller.yml': `on: workflow_dispatch
jobs:
  own:
    environment: production
    runs-on: ubuntu-latest
    ${show}
  without:
    runs-on: ubuntu-latest
    ${show}
  nothing: { uses: ./.github/workflows/called.yml }
  named: { uses: ./.github/workflows/called.yml, secrets: { TOKEN: '\${{ secrets.TOKEN }}' } }
  all: { uses: ./.github/workflows/called.yml, secrets: inherit }
`,
    },
    { environmentSecrets: { production: { TOKEN: 'four' } } },
  )
  expect(outputs).toEqual({
    own: { token: 'set 4' },
    without: { token: ' 0' },
    'nothing / job': { token: ' 0' },
    'named / job': { token: ' 0' },
    'all / job': { token: 'set 4' },
  })
})

test('each job has a machine of its own: a home, a temp folder, a boot, a name, and an engine without containers', async () => {
  const look = `runs-on: ubuntu-latest
    outputs: { seen: '\${{ steps.s.outputs.seen }}', docker: '\${{ steps.s.outputs.docker }}', host: '\${{ steps.s.outputs.host }}' }
    steps:
      - id: s
        run: |
          touch "$HOME/left-behind" "$TMPDIR/left-behind" "$RUNNER_TEMP/left-behind"
          docker volume create of-this-job > /dev/null
          {
            echo "seen=$(ls -A "$HOME" "$TMPDIR" "$RUNNER_TEMP" | grep -c left-behind)"
            echo "docker=$(docker ps -aq | wc -l) $(docker volume ls -q | tr '\\n' ' ')\${DOCKER_HOST:-no host} \${DOCKER_CONFIG:-no config}"
            echo "host=$(hostname) $(cat /proc/sys/kernel/random/boot_id)"
          } >> "$GITHUB_OUTPUT"`
  const { outputs } = await run({
    'caller.yml': `on: workflow_dispatch
jobs:
  one:
    ${look}
  two:
    needs: one
    ${look}
`,
  })
  const [one, two] = [outputs['one'] ?? {}, outputs['two'] ?? {}]
  expect(one['seen']).toBe('3')
  expect(two['seen']).toBe('3')
  expect(one['docker']).toBe(two['docker'])
  expect(one['docker']).toMatch(/^0 of-this-job no host no config$/)
  expect(one['host']).not.toBe(two['host'])
  expect(docker('volume', 'ls', '-q')).toContain(mark)
  expect(docker('volume', 'ls', '-q')).not.toContain('of-this-job')
})

test('an output in which a secret would be masked is dropped', async () => {
  const { outputs, text } = await run(
    {
      'caller.yml': `on: workflow_dispatch
jobs:
  build:
    runs-on: ubuntu-latest
    outputs: { image: '\${{ steps.s.outputs.image }}', digest: '\${{ steps.s.outputs.digest }}', late: '\${{ steps.s.outputs.late }}' }
    steps:
      - id: s
        run: |
          echo "::add-mask::masked-later"
          { echo "image=docker.io/acme/api"; echo "digest=sha256:1"; echo "late=x-masked-later-y"; } >> "$GITHUB_OUTPUT"
`,
    },
    { secrets: { REGISTRY_USERNAME: 'acme' } },
  )
  expect(outputs).toEqual({ build: { digest: 'sha256:1' } })
  expect(text).toContain("Skip output 'image' since it may contain secret.")
})

test('permissions that the caller lacks stop the run before anything', async () => {
  const { conclusion, startupFailure, jobs } = await run({
    'called.yml': `on: workflow_call
permissions: {}
jobs:
  job: { permissions: { deployments: write }, runs-on: ubuntu-latest, steps: [{ run: 'true' }] }
`,
    'caller.yml': `on: workflow_dispatch
permissions: { contents: read }
jobs:
  first: { runs-on: ubuntu-latest, steps: [{ run: 'true' }] }
  call: { uses: ./.github/workflows/called.yml }
`,
  })
  expect({ conclusion, jobs }).toEqual({ conclusion: 'startup_failure', jobs: [] })
  expect(startupFailure).toContain(
    "is requesting 'deployments: write', but is only allowed 'deployments: none'",
  )
})

describe('a job that is cancelled', () => {
  const long = (script: string, times = { interruptMs: 2_000, terminateMs: 2_000, jobMs: 60_000 }) => {
    const cancel = new AbortController()
    return run(
      {
        'caller.yml': `on: workflow_dispatch
jobs:
  long:
    runs-on: ubuntu-latest
    outputs: { status: '\${{ steps.at-the-end.outputs.status }}' }
    steps:
      - name: Work
        shell: bash
        run: |
${script.replace(/^/gm, '          ')}
      - name: Not any more
        run: 'true'
      - name: For failures
        if: failure()
        run: 'true'
      - name: Always
        id: at-the-end
        if: always()
        run: echo "status=\${{ job.status }}" >> "$GITHUB_OUTPUT"
`,
      },
      {
        cancelled: cancel.signal,
        cancelTimes: times,
        onEvent: event => {
          if (event.kind === 'log' && event.text === 'it is ready') cancel.abort()
        },
      },
    )
  }
  const ran = (result: Awaited<ReturnType<typeof run>>) =>
    result.steps.map(({ step, result: end }) => `${step}: ${end}`)

  test('gets SIGINT and time to end; what says always() runs after it, and knows', async () => {
    const result = await long(`trap 'echo it was interrupted; exit 0' INT
sleep 60 &
echo it is ready
wait`)
    expect(result.conclusion).toBe('cancelled')
    expect(result.text).toContain('it was interrupted')
    expect(result.outputs).toEqual({ long: { status: 'cancelled' } })
    expect(ran(result)).toEqual(['Work: failure', 'Always: success'])
  })

  test('that goes on gets SIGTERM, and then is killed with all that it started', async () => {
    const result = await long(
      `trap 'echo interrupted' INT
trap 'echo terminated' TERM
sleep 600 & echo "child $!"
echo it is ready
while true; do wait || true; done`,
      { interruptMs: 300, terminateMs: 300, jobMs: 60_000 },
    )
    expect(result.conclusion).toBe('cancelled')
    expect(result.text.indexOf('terminated')).toBeGreaterThan(result.text.indexOf('interrupted'))
    const child = /child (\d+)/.exec(result.text)?.[1]
    expect(child).toBeDefined()
    expect(isRunning(Number(child))).toBe(false)
    expect(result.outputs).toEqual({ long: { status: 'cancelled' } })
  })

  test('is killed whole when its time is over, and nothing of it runs any more', async () => {
    const result = await long(
      `trap '' INT TERM
echo it is ready
while true; do sleep 1; done`,
      { interruptMs: 60_000, terminateMs: 60_000, jobMs: 500 },
    )
    expect(result.conclusion).toBe('cancelled')
    // The runner that would have said how the step ended is gone, too.
    expect(ran(result)).toEqual([])
  })
})

describe('what GitHub writes down', () => {
  let github: GitHubStandIn
  beforeAll(async () => {
    github = await startGitHub()
  })
  afterAll(() => github.stop())

  test('each job that names an environment files a deployment, unless it says deployment: false', async () => {
    await run(
      {
        'caller.yml': `on: workflow_dispatch
permissions: {}
jobs:
  deploy: { environment: production, runs-on: ubuntu-latest, steps: [{ run: 'true' }] }
  again: { needs: deploy, environment: { name: production }, runs-on: ubuntu-latest, steps: [{ run: 'true' }] }
  fails: { needs: again, environment: production, runs-on: ubuntu-latest, steps: [{ run: 'false' }] }
  quiet: { environment: { name: production, deployment: false }, runs-on: ubuntu-latest, steps: [{ run: 'true' }] }
`,
      },
      { github },
    )
    expect(github.deployments.map(({ statuses }) => statuses.at(-1)?.state)).toEqual([
      'inactive',
      'success',
      'failure',
    ])
    expect(activeDeployments(github, 'production')).toHaveLength(1)
    const checks = [...github.commits.values()].flatMap(({ checks: all = [] }) => all)
    expect(checks.map(({ name, conclusion }) => `${name} ${conclusion ?? ''}`).toSorted()).toEqual([
      'again success',
      'deploy success',
      'fails failure',
      'quiet success',
    ])
  })

  test("a job's token may do what its permissions say; schedules have check runs on the same commit", async () => {
    const sha = git(repository, 'rev-parse', 'HEAD')
    addScheduledRuns(github, sha, ['.github/workflows/health-watch.yml'])
    const ask = (path: string) =>
      `curl -s -o answer.json -w '%{http_code}' -A lab -H "Authorization: Bearer $TOKEN" "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/${path}"`
    const { outputs } = await run(
      {
        'caller.yml': `on: workflow_dispatch
permissions: { checks: read }
jobs:
  ask:
    runs-on: ubuntu-latest
    outputs: { checks: '\${{ steps.s.outputs.checks }}', deployments: '\${{ steps.s.outputs.deployments }}' }
    steps:
      - id: s
        env: { TOKEN: '\${{ github.token }}' }
        run: |
          echo "checks=$(${ask(`commits/${sha}/check-runs`)}) $(grep -o '"name":"health-watch"' answer.json | wc -l)" >> "$GITHUB_OUTPUT"
          echo "deployments=$(${ask('deployments')})" >> "$GITHUB_OUTPUT"
`,
      },
      { github },
    )
    expect(outputs).toEqual({ ask: { checks: '200 3', deployments: '403' } })
  })
})
