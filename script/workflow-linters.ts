import { join } from 'node:path'
import { z } from 'zod'
import { installWheel } from '../test/lab/wheels.ts'
import { placesOf } from '../test/lab/places.ts'
import { Programs } from '../test/lab/programs.ts'
import { runner } from '../test/lab/workshop.ts'

/** What a linter objects to in a workflow or an action.yml. */
export interface Finding {
  linter: 'actionlint' | 'zizmor'
  /** As it was given. */
  file: string
  /** The first line is 1. */
  line: number
  /** The linter's name of the rule. */
  rule: string
  message: string
}

/** Paths of the two programs. */
export interface WorkflowLinters {
  actionlint: string
  zizmor: string
}

const configuration = join(import.meta.dirname, '../.github')

/** A download or a compiler that hangs ends after this time. */
const provisionMs = 6 * 60_000

/**
 * The linters, from the lab's cache. Where it has none, actionlint is compiled from the Go module proxy (about half a minute)
 * and zizmor is fetched from PyPI; both are fixed by hashes.
 * @throws LabError that names what could not be had, and why
 */
export async function provideLinters(say: (text: string) => void): Promise<WorkflowLinters> {
  const places = placesOf(process.env)
  const signal = AbortSignal.timeout(provisionMs)
  const programs = new Programs(places, signal, (program, text) => say(`${program}: ${text}`))
  const [actionlint, zizmor] = await Promise.all([
    programs.build('actionlint'),
    installWheel('zizmor', places, signal),
  ])
  return { actionlint, zizmor }
}

/**
 * What actionlint and zizmor (as an auditor, offline) find in workflows and action.yml files. Accepted findings are in
 * .github/actionlint.yaml and .github/zizmor.yml, each with its reason.
 * @param files paths relative to `folder`, or absolute
 */
export async function lintWorkflows(
  linters: WorkflowLinters,
  folder: string,
  files: string[],
): Promise<Finding[]> {
  const workflows = files.filter(file => !file.endsWith('action.yml'))
  const run = runner(AbortSignal.timeout(60_000))
  const [syntax, security] = await Promise.all([
    run(linters.actionlint, [...actionlintArguments, ...workflows], { cwd: folder, tolerate: [1] }),
    run(linters.zizmor, [...zizmorArguments, ...files], { cwd: folder }),
  ])
  return [...readActionlint(syntax), ...readZizmor(security)]
}

const actionlintArguments = [
  '-no-color',
  ...['-format', '{{json .}}', '-config-file', join(configuration, 'actionlint.yaml')],
  // Found on PATH or not, these two would make the result depend on the machine.
  ...['-shellcheck=', '-pyflakes='],
]

const zizmorArguments = [
  ...['--offline', '--quiet', '--no-progress', '--no-exit-codes', '--strict-collection'],
  ...['--persona', 'auditor', '--format', 'json', '--config', join(configuration, 'zizmor.yml')],
]

const actionlintReport = z.array(
  z.object({ message: z.string(), filepath: z.string(), line: z.number(), kind: z.string() }),
)

function readActionlint(report: string): Finding[] {
  return actionlintReport.parse(JSON.parse(report)).map(({ message, filepath, line, kind }) => ({
    linter: 'actionlint',
    file: filepath,
    line,
    rule: kind,
    message,
  }))
}

const zizmorReport = z.array(
  z.object({
    ident: z.string(),
    desc: z.string(),
    locations: z.tuple(
      [
        z.object({
          symbolic: z.object({ annotation: z.string(), kind: z.string(), key: z.unknown() }),
          concrete: z.object({ location: z.object({ start_point: z.object({ row: z.number() }) }) }),
        }),
      ],
      z.unknown(),
    ),
  }),
)
const localFile = z.object({ Local: z.object({ verbatim_path: z.string() }) })

function readZizmor(report: string): Finding[] {
  return zizmorReport.parse(JSON.parse(report)).map(({ ident, desc, locations: [first] }) => ({
    linter: 'zizmor',
    file: localFile.parse(first.symbolic.key).Local.verbatim_path,
    line: first.concrete.location.start_point.row + 1,
    rule: ident,
    message: `${desc}: ${first.symbolic.annotation}`,
  }))
}
