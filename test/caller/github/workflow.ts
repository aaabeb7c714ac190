import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

/** A workflow file, as far as GitHub itself acts on it; the rest is for the runner. */
export interface Workflow {
  name?: string
  on: { workflow_call?: Callable | null; workflow_dispatch?: Callable | null }
  env?: Record<string, unknown>
  defaults?: unknown
  permissions?: Permissions
  jobs: Record<string, Job>
}

export interface Callable {
  inputs?: Record<string, InputDefinition>
  secrets?: Record<string, { required?: boolean } | null>
  outputs?: Record<string, { value: string }>
}

export interface InputDefinition {
  type?: 'string' | 'boolean' | 'number' | 'choice' | 'environment'
  required?: boolean
  default?: unknown
  options?: string[]
}

export interface Job {
  name?: string
  needs?: string | string[]
  if?: string | boolean
  uses?: string
  with?: Record<string, unknown>
  secrets?: Record<string, string> | 'inherit'
  permissions?: Permissions
  environment?: string | { name: string; url?: string; deployment?: unknown }
  strategy?: { matrix?: unknown; 'fail-fast'?: unknown }
  outputs?: Record<string, string>
  env?: Record<string, unknown>
  steps?: Step[]
  container?: unknown
  services?: unknown
}

export interface Step {
  id?: string
  if?: string | boolean
  uses?: string
  with?: Record<string, unknown>
}

/** What the token of a job may do: a level for each scope, or one for all of them. */
export type Permissions = 'read-all' | 'write-all' | Record<string, 'read' | 'write' | 'none'>

/** A workflow with the repository that `./` in it means. */
export interface Source {
  /** Folder of a checked out repository. */
  root: string
  /** Path in it. */
  path: string
  workflow: Workflow
}

/** Repositories by `OWNER/NAME@REF`, each a folder. */
export type Repositories = Record<string, string>

export function loadWorkflow(root: string, path: string): Source {
  const text = readFileSync(join(root, path), 'utf8')
  const workflow = parse(text) as Workflow & { on: unknown }
  const { on } = workflow
  const events =
    typeof on === 'string' || Array.isArray(on)
      ? Object.fromEntries([on].flat().map(event => [String(event), null]))
      : on
  return { root, path, workflow: { ...workflow, on: events } }
}

/** The workflow that `uses` of a job means. */
export function loadCalled(uses: string, caller: Source, repositories: Repositories): Source {
  const local = /^\.\/(\.github\/workflows\/[^/@]+)$/.exec(uses)?.[1]
  if (local !== undefined) return loadWorkflow(caller.root, local)
  const [, repository = '', path = '', ref = ''] = /^([^/]+\/[^/]+)\/(.+)@(.+)$/.exec(uses) ?? []
  const root = repositories[`${repository}@${ref}`]
  if (root === undefined) throw new StartupFailure(`workflow was not found: ${uses}`)
  return loadWorkflow(root, path)
}

export function needsOf({ needs = [] }: Job): string[] {
  return [needs].flat()
}

/** Why GitHub does not start a run. No job of it has run. */
export class StartupFailure extends Error {
  override name = 'StartupFailure'
}
