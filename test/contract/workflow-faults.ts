import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser'
import { parse } from 'yaml'

interface Accepted {
  inputs?: Record<string, { required?: boolean } | null>
  secrets?: Record<string, unknown>
}
interface Called {
  uses?: string
  with?: Record<string, unknown>
  secrets?: Record<string, unknown> | 'inherit'
}
interface Job extends Called {
  environment?: string | { name: string; deployment?: boolean }
  permissions?: Record<string, string>
  steps?: Called[]
}
/** A workflow as far as the tests read it. */
export interface Workflow {
  on: Record<string, unknown>
  permissions?: Record<string, string>
  concurrency?: Record<string, unknown>
  jobs: Record<string, Job>
}

const root = join(import.meta.dirname, '../..')
/** What the tests allow of others: actions whose inputs are not known here. */
const others = /^actions\/(checkout|attest-build-provenance|setup-node)@[0-9a-f]{40}$/

/**
 * What GitHub's own parser refuses of a workflow, and which of the calls of this suite's actions and workflows name an input
 * or a secret that is not there, or lack one that is required.
 * @returns one text for each fault; empty for a workflow that GitHub takes
 */
export async function faultsOfWorkflow(name: string, text: string): Promise<string[]> {
  const parsed = parseWorkflow({ name, content: text }, new NoOperationTraceWriter())
  const refused = parsed.context.errors.getErrors().map(String)
  if (refused.length > 0 || !parsed.value) return refused
  const { errors = [] } = await convertWorkflowTemplate(parsed.context, parsed.value)
  const { jobs } = parse(text) as Workflow
  const calls = Object.values(jobs).flatMap(job => [job, ...(job.steps ?? [])])
  return [...errors.map(({ Message }) => Message), ...calls.flatMap(faultsOfCall)]
}

/** @param call a step, or a job that calls a workflow */
function faultsOfCall(call: Called): string[] {
  if (call.uses === undefined || others.test(call.uses)) return []
  const path = /^org\/runbook-actions(?:\/([\w./-]+))?@v1$/.exec(call.uses)
  if (!path) return [`${call.uses} is neither ours nor pinned to a commit`]
  const accepted = acceptedBy(path[1] ?? '')
  if (!accepted) return [`${call.uses} does not exist`]
  const { inputs = {}, secrets = {} } = accepted
  const passed = Object.keys(call.with ?? {})
  const handed = call.secrets === 'inherit' ? [] : Object.keys(call.secrets ?? {})
  const required = Object.entries(inputs).filter(([, input]) => input?.required === true)
  return [
    ...passed.filter(each => !Object.hasOwn(inputs, each)).map(each => `${call.uses}: no input ${each}`),
    ...handed.filter(each => !Object.hasOwn(secrets, each)).map(each => `${call.uses}: no secret ${each}`),
    ...required.filter(([each]) => !passed.includes(each)).map(([each]) => `${call.uses} lacks ${each}`),
  ]
}

/** @param path of an action or of a workflow in the published tree */
function acceptedBy(path: string): Accepted | undefined {
  const workflow = /^\.github\/workflows\/([\w-]+\.yml)$/.exec(path)?.[1]
  const file = workflow ? `workflows/${workflow}` : path === '' ? 'action.yml' : `actions/${path}/action.yml`
  if (!existsSync(join(root, file))) return undefined
  const read = parse(readFileSync(join(root, file), 'utf8')) as Accepted & {
    on?: { workflow_call?: Accepted }
  }
  return workflow ? read.on?.workflow_call : read
}
