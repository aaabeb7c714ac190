import { notFound, type Right, type Work } from './github-runs.ts'

/** What the stand-in knows of its repository beside its commits. */
export interface StandInRepository {
  defaultBranch: string
  /** What each branch contains, by its name: SHAs, the newest last. */
  branches: Map<string, string[]>
  /** By their names. */
  environments: Map<string, StandInEnvironment>
  /** Of each account that is no stranger: `admin`, `write`, `read`, `none`. */
  permissions: Map<string, string>
}

export interface StandInEnvironment {
  reviewers?: boolean
  /** Default: any branch. */
  refs?: 'protected-branches' | string[]
}

/** GitHub's operations on a repository itself, its branches, environments and collaborators. */
export function repositoryOperations({
  defaultBranch,
  branches,
  environments,
  permissions,
}: StandInRepository): Record<string, [right: Right, work: Work]> {
  const base = '/repos/{owner}/{repo}'
  return {
    [`GET ${base}`]: [
      'metadata',
      operation => ({
        status: 200,
        // The description's example lacks a field that its schema requires.
        body: withLanguage({
          ...(operation.example(200) as { source?: object }),
          default_branch: defaultBranch,
        }),
      }),
    ],
    [`GET ${base}/compare/{basehead}`]: [
      'contents',
      operation => {
        const [branch = '', commit = ''] = (operation.parameters['basehead'] ?? '').split('...')
        const contained = branches.get(branch)
        if (!contained) return notFound
        const at = contained.indexOf(commit)
        const behind = at === contained.length - 1 ? 'identical' : 'behind'
        const status = at < 0 ? 'diverged' : behind
        return { status: 200, body: { ...(operation.example(200) as object), status, files: [] } }
      },
    ],
    [`GET ${base}/environments/{environment_name}`]: [
      'actions',
      operation => {
        const name = operation.parameters['environment_name'] ?? ''
        const known = environments.get(name)
        if (!known) return notFound
        const example = operation.example(200) as { protection_rules: { type: string }[] }
        const isProtected = known.refs === 'protected-branches'
        const policy = { protected_branches: isProtected, custom_branch_policies: !isProtected }
        return {
          status: 200,
          body: {
            ...example,
            name,
            protection_rules: example.protection_rules.filter(
              ({ type }) => type === 'required_reviewers' && known.reviewers === true,
            ),
            deployment_branch_policy: known.refs === undefined ? null : policy,
          },
        }
      },
    ],
    [`GET ${base}/environments/{environment_name}/deployment-branch-policies`]: [
      'actions',
      operation => {
        const refs = environments.get(operation.parameters['environment_name'] ?? '')?.refs
        if (!Array.isArray(refs)) return notFound
        const example = operation.example(200) as { branch_policies: object[] }
        const branch_policies = refs.map((name, at) => ({ ...example.branch_policies[0], id: at + 1, name }))
        return { status: 200, body: { total_count: refs.length, branch_policies } }
      },
    ],
    [`GET ${base}/collaborators/{username}/permission`]: [
      'metadata',
      operation => {
        const login = operation.parameters['username'] ?? ''
        const permission = permissions.get(login)
        if (permission === undefined) return notFound
        const example = operation.example(200) as { user: object }
        return {
          status: 200,
          body: {
            ...example,
            permission,
            role_name: permission,
            user: { ...example.user, login, role_name: permission },
          },
        }
      },
    ],
  }
}

function withLanguage<T extends { source?: object }>(repository: T): T {
  const { source } = repository
  return { language: null, ...repository, ...(source ? { source: { language: null, ...source } } : {}) }
}
