/** Of one check run or commit status, what a merge would ask of it. `passed` is also what was skipped or neutral. */
export type CheckState = 'passed' | 'failed' | 'pending'

/** One thing that CI says of a commit. */
export interface CommitCheck {
  name: string
  state: CheckState
  /** In GitHub's own word: `success`, `timed_out`, `in_progress`. */
  said: string
  /** For people. The URL of a job of a workflow begins with the URL of its run: so a run knows its own. */
  url: string
  reporter: Reporter
  /** The workflow run that it belongs to; undefined when no workflow reports it, or the token may not see the runs. */
  run: WorkflowRun | undefined
}

/** Who reports a check: an app by check runs; an account by commit statuses, which every account with write access may post. */
export type Reporter =
  { kind: 'app'; slug: string; id: number } | { kind: 'account'; login: string; isBot: boolean }

/** The run of GitHub Actions behind a check. */
export interface WorkflowRun {
  /** `push`, `schedule`, `workflow_dispatch`, ... */
  event: string
  /** Workflow file in the repository: `.github/workflows/ci.yml`. */
  path: string
  /** Reusable workflows that it calls: `owner/name/.github/workflows/release.yml@v1`. */
  calls: string[]
}

/** A pull request that brought a commit, and what its reviewers think of it now. */
export interface ReviewedPullRequest {
  number: number
  title: string
  url: string
  author: string
  /** The last commit of its branch: the one that reviewers see. */
  head: string
  /** The commit of the target branch that merged it; undefined when it is not merged. */
  mergeCommit: string | undefined
  /** The newest opinion of each reviewer who may write to the repository; comments are no opinion. */
  opinions: Opinion[]
}

export interface Opinion {
  reviewer: string
  verdict: 'approved' | 'changes-requested'
  /** Of the last commit of the pull request, and not only of an earlier one. */
  isOfLastCommit: boolean
}

/** What protects the secrets of a GitHub environment. */
export interface EnvironmentProtection {
  /** Whether a person must approve each job. */
  hasReviewers: boolean
  /** Which branches and tags may use the environment. */
  refs: { kind: 'any' } | { kind: 'protected-branches' } | { kind: 'patterns'; patterns: string[] }
}

/** Where a commit is from the view of a branch: `ahead` and `diverged` have commits that the branch does not have. */
export type Ancestry = 'identical' | 'behind' | 'ahead' | 'diverged'

/** GitHub's words for how a deployment goes. */
export type DeploymentState = 'in_progress' | 'success' | 'failure' | 'error' | 'inactive'

export interface NewDeployment {
  /** Tag or commit that is deployed. */
  ref: string
  environment: string
  /** At most 140 characters are kept. */
  description: string
  /** Kept with it, so that a later step finds it again. */
  payload: Record<string, string>
}

export interface Deployment {
  id: number
  ref: string
  payload: Record<string, string>
}

export interface DeploymentStatus {
  state: DeploymentState
  /** At most 140 characters are kept. */
  description: string
  /** Where the run is told of; empty when there is no such place. */
  logUrl: string
  /** Where the service is reached; empty when it is not known. */
  environmentUrl: string
}

/** What the suite asks of GitHub's REST API (https://docs.github.com/rest). */
export interface GitHub {
  /**
   * Check runs of a commit, the oldest first, and the newest commit status of each name. Needs `checks: read` and `statuses: read`, and
   * `actions: read` for the workflow runs.
   * @param commit its full SHA
   */
  checksOf(commit: string): Promise<CommitCheck[]>
  /** Needs `pull-requests: read`. */
  pullRequestsOf(commit: string): Promise<ReviewedPullRequest[]>
  /** Name of the default branch. */
  defaultBranch(): Promise<string>
  /** Needs `contents: read`. @returns undefined when the repository has no such branch or no such commit */
  ancestryOf(commit: string, branch: string): Promise<Ancestry | undefined>
  /** Needs `actions: read`. @returns undefined when the repository has no environment of that name */
  protectionOf(environment: string): Promise<EnvironmentProtection | undefined>
  /** Needs `deployments: write`, as all below. @returns its id */
  createDeployment(deployment: NewDeployment): Promise<number>
  /** Of one environment, the newest first. */
  deploymentsTo(environment: string): Promise<Deployment[]>
  /** The newest state of a deployment; empty when it has none. */
  deploymentState(id: number): Promise<string>
  setDeploymentStatus(id: number, status: DeploymentStatus): Promise<void>
  close(): void
}
