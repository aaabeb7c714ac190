import type { Operation } from './openapi.ts'
import type { Answer } from './server.ts'

/** A run of the workflow that asks, and how its jobs ended. */
export interface StandInRun {
  id: number
  status: 'completed' | 'in_progress'
  /** What started it, on which commit, from which workflow file, with which check suite; default: a push. */
  event?: string
  sha?: string
  path?: string
  suite?: number
  /** Reusable workflows that it calls. */
  calls?: string[]
  jobs: { name: string; conclusion: string | null }[]
}

/** What a token may be allowed. */
export type Right = 'metadata' | 'contents' | 'checks' | 'statuses' | 'pulls' | 'deployments' | 'actions'

/** Carries an operation out. */
export type Work = (operation: Operation, body: Record<string, unknown>) => Answer

export const notFound: Answer = {
  status: 404,
  body: { message: 'Not Found', documentation_url: 'https://docs.github.com/rest', status: '404' },
}

const workflow_id = 7

/** GitHub's operations on the runs of one workflow. @param runs the newest first */
export function runOperations(runs: StandInRun[]): Record<string, [right: Right, work: Work]> {
  const find = ({ parameters }: Operation) => runs.find(({ id }) => String(id) === parameters['run_id'])
  const shown = (
    example: object | undefined,
    { id, status, event, sha, path, suite, calls }: StandInRun,
  ) => ({
    ...example,
    id,
    status,
    event: event ?? 'push',
    path: path ?? '.github/workflows/ci.yml',
    ...(sha === undefined ? {} : { head_sha: sha }),
    ...(suite === undefined ? {} : { check_suite_id: suite }),
    referenced_workflows: (calls ?? []).map(called => ({
      path: called,
      sha: '86e8bc9ecf7d38b1ed2d2cfb8eb87ba9b35b01db',
    })),
    conclusion: null,
    head_branch: 'main',
    workflow_id,
  })
  const base = '/repos/{owner}/{repo}/actions'
  return {
    [`GET ${base}/runs/{run_id}`]: [
      'actions',
      operation => {
        const run = find(operation)
        return run ? { status: 200, body: shown(operation.example(200) as object, run) } : notFound
      },
    ],
    [`GET ${base}/runs`]: [
      'actions',
      operation => {
        const example = operation.example(200) as { workflow_runs: object[] }
        const wanted = runs.filter(({ sha }) => sha === operation.query.get('head_sha'))
        const workflow_runs = wanted.map(run => shown(example.workflow_runs[0], run))
        return { status: 200, body: { total_count: workflow_runs.length, workflow_runs } }
      },
    ],
    [`GET ${base}/workflows/{workflow_id}/runs`]: [
      'actions',
      operation => {
        const example = operation.example(200) as { workflow_runs: object[] }
        const wanted = runs.filter(({ status }) => status === operation.query.get('status'))
        const workflow_runs = wanted.map(run => shown(example.workflow_runs[0], run))
        return { status: 200, body: { total_count: workflow_runs.length, workflow_runs } }
      },
    ],
    [`GET ${base}/runs/{run_id}/jobs`]: [
      'actions',
      operation => {
        const run = find(operation)
        const example = operation.example(200) as { jobs: object[] }
        // The example lacks a field that the description requires.
        const always = { created_at: '2026-11-23T10:00:00Z', run_id: run?.id }
        const jobs = run?.jobs.map(job => ({ ...example.jobs[0], ...always, ...job }))
        return jobs ? { status: 200, body: { total_count: jobs.length, jobs } } : notFound
      },
    ],
  }
}
