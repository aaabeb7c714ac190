import {
  loadCalled,
  StartupFailure,
  type Job,
  type Permissions,
  type Repositories,
  type Source,
  type Workflow,
} from './workflow.ts'

/** What a token may do where no workflow says anything: the restricted setting, which new repositories have. */
const standardPermissions: Permissions = { contents: 'read', packages: 'read' }

/** What the token of a job may do. @param inherited of the job that calls the workflow, else the repository's own setting */
export function permissionsOf(
  job: Job,
  workflow: Workflow,
  inherited: Permissions = standardPermissions,
): Permissions {
  return job.permissions ?? workflow.permissions ?? inherited
}

/**
 * Checks that no called workflow asks for more than its caller has, to any depth, as GitHub does before the first job runs.
 * @throws StartupFailure in GitHub's words
 */
export function checkPermissions(
  source: Source,
  repositories: Repositories,
  inherited: Permissions = standardPermissions,
): void {
  for (const [id, job] of Object.entries(source.workflow.jobs)) {
    if (job.uses === undefined) continue
    const granted = permissionsOf(job, source.workflow, inherited)
    const called = loadCalled(job.uses, source, repositories)
    for (const [nested, { permissions = called.workflow.permissions }] of Object.entries(
      called.workflow.jobs,
    )) {
      const missing = permissions === undefined ? [] : excess(permissions, granted)
      const [wanted, allowed] = [missing.map(each => each.wanted), missing.map(each => each.allowed)]
      if (missing.length > 0)
        throw new StartupFailure(
          `Error calling workflow '${job.uses}' (job ${id}). The nested job '${nested}' is requesting '${wanted.join(', ')}', but is only allowed '${allowed.join(', ')}'.`,
        )
    }
    checkPermissions(called, repositories, granted)
  }
}

const ranks = { none: 0, read: 1, write: 2 }

function excess(wanted: Permissions, granted: Permissions): { wanted: string; allowed: string }[] {
  if (typeof wanted === 'string') {
    const level = wanted === 'read-all' ? 'read' : 'write'
    const enough = granted === 'write-all' || granted === wanted
    return enough
      ? []
      : [{ wanted: `all: ${level}`, allowed: typeof granted === 'string' ? granted : 'less' }]
  }
  return Object.entries(wanted).flatMap(([scope, level]) => {
    const allowed = levelOf(granted, scope)
    return ranks[level] > ranks[allowed]
      ? [{ wanted: `${scope}: ${level}`, allowed: `${scope}: ${allowed}` }]
      : []
  })
}

/** What a set of permissions gives in one scope. */
export function levelOf(granted: Permissions, scope: string): 'read' | 'write' | 'none' {
  if (granted === 'write-all') return 'write'
  if (granted === 'read-all') return 'read'
  return granted[scope] ?? 'none'
}
