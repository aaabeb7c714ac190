import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

export interface Inputs {
  inputs?: Record<string, { required?: boolean; default?: unknown }>
  secrets?: Record<string, { required?: boolean }>
}
export interface Step {
  name?: string
  env?: Record<string, string>
  run?: string
  uses?: string
  with?: Record<string, unknown>
  'timeout-minutes'?: number
}
export interface Job {
  uses?: string
  with?: Record<string, unknown>
  secrets?: Record<string, string> | 'inherit'
  steps?: Step[]
  permissions?: unknown
  concurrency?: unknown
  environment?: unknown
  'timeout-minutes'?: number
}
export interface Workflow {
  on: { workflow_call?: Inputs; schedule?: { cron: string }[] }
  permissions?: unknown
  concurrency?: unknown
  jobs: Record<string, Job>
}

/** The comment that a workflow begins with, as text. */
export function comments(file: string): string {
  const lines = readFileSync(file, 'utf8').split('\n')
  const end = lines.findIndex(line => !line.startsWith('#'))
  return lines
    .slice(0, end)
    .map(line => line.slice(2))
    .join('\n')
}

/** The workflows that a text shows: whole files, blocks of Markdown, and what is indented in a comment. */
export function examples(text: string): Workflow[] {
  const blocks = [
    text,
    ...[...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(match => String(match[1])),
    ...[...text.matchAll(/(?:^ {2,}.*\n?)+/gm)].map(match => match[0].replaceAll(/^ {2}/gm, '')),
  ]
  return blocks.flatMap(block => {
    try {
      const read = parse(block) as Partial<Workflow> | null
      const called = Object.values(read?.jobs ?? {}).some(({ uses = '' }) => uses.includes('/workflows/'))
      return called ? [read as Workflow] : []
    } catch {
      return []
    }
  })
}
