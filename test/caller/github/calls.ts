import { resolve, toText, type Contexts } from './expressions.ts'
import { StartupFailure, type Callable, type InputDefinition, type Job } from './workflow.ts'

/**
 * Checks what a job passes to the workflow that it calls against what that declares.
 * @throws StartupFailure in GitHub's words
 */
export function checkCall(job: Job, callable: Callable | null | undefined): void {
  const where = `Error calling workflow '${job.uses ?? ''}'`
  if (callable === undefined) throw new StartupFailure(`${where}: it has no on.workflow_call`)
  const { inputs = {}, secrets = {} } = callable ?? {}
  const given = Object.keys(job.with ?? {})
  const passed = job.secrets === 'inherit' ? undefined : Object.keys(job.secrets ?? {})
  const faults = [
    ...unknownIn(given, inputs).map(
      name => `Invalid input, ${name} is not defined in the referenced workflow.`,
    ),
    ...missingIn(given, inputs).map(name => `Input ${name} is required, but not provided while calling.`),
    ...unknownIn(passed ?? [], secrets).map(
      name => `Invalid secret, ${name} is not defined in the referenced workflow.`,
    ),
    ...(passed ? missingIn(passed, secrets) : []).map(
      name => `Secret ${name} is required, but not provided while calling.`,
    ),
  ]
  if (faults.length > 0) throw new StartupFailure(`${where}: ${faults.join(' ')}`)
}

const sameName = (one: string) => (other: string) => one.toLowerCase() === other.toLowerCase()

function unknownIn(names: string[], declared: object): string[] {
  return names.filter(name => !Object.keys(declared).some(sameName(name)))
}

function missingIn(names: string[], declared: Record<string, { required?: boolean } | null>): string[] {
  return Object.entries(declared)
    .filter(([, definition]) => definition?.required === true)
    .map(([name]) => name)
    .filter(name => !names.some(sameName(name)))
}

/**
 * The `inputs` context of a workflow: what was given, as the declared type, else the default.
 * @param contexts what expressions in defaults may use
 * @throws Error when a value is not of the declared type
 */
export function bindInputs(
  declared: Record<string, InputDefinition>,
  given: Record<string, unknown>,
  contexts: Contexts,
): Record<string, unknown> {
  const bound = Object.entries(declared).map(([name, definition]) => {
    const key = Object.keys(given).find(sameName(name))
    const value = key === undefined ? resolve(definition.default, contexts) : given[key]
    return [name, typed(name, definition, value)]
  })
  return Object.fromEntries(bound) as Record<string, unknown>
}

function typed(name: string, { type = 'string', options }: InputDefinition, value: unknown): unknown {
  const fault = new Error(`input ${name}: unexpected value '${toText(value)}', a ${type} is expected`)
  if (type === 'boolean') {
    // A form of workflow_dispatch sends texts.
    if (value === undefined || value === null || value === 'false') return false
    if (value === 'true') return true
    if (typeof value !== 'boolean') throw fault
    return value
  }
  if (type === 'number') {
    if (value === undefined || value === null) return 0
    if (Number.isNaN(Number(value)) || value === '') throw fault
    return Number(value)
  }
  if (type === 'choice' && value !== undefined && options && !options.includes(toText(value))) throw fault
  if (value !== null && typeof value === 'object') throw fault
  return value === undefined ? '' : toText(value)
}
