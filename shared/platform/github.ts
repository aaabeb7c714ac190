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
}

/** A pull request that brought a commit, and what its reviewers think of it now. */
export interface ReviewedPullRequest {
  number: number
  title: string
  url: string
  author: string
  isMerged: boolean
  /** The newest opinion of each reviewer who may write to the repository; comments are no opinion. */
  opinions: Opinion[]
}

export interface Opinion {
  reviewer: string
  verdict: 'approved' | 'changes-requested'
  /** Of the last commit of the pull request, and not only of an earlier one. */
  isOfLastCommit: boolean
}

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
  /** Check runs and commit statuses of a commit, the newest of each. Needs `checks: read` and `statuses: read`. */
  checksOf(commit: string): Promise<CommitCheck[]>
  /** Needs `pull-requests: read`. */
  pullRequestsOf(commit: string): Promise<ReviewedPullRequest[]>
  /** Needs `deployments: write`, as all below. @returns its id */
  createDeployment(deployment: NewDeployment): Promise<number>
  /** Of one environment, the newest first. */
  deploymentsTo(environment: string): Promise<Deployment[]>
  /** The newest state of a deployment; empty when it has none. */
  deploymentState(id: number): Promise<string>
  setDeploymentStatus(id: number, status: DeploymentStatus): Promise<void>
  close(): void
}
