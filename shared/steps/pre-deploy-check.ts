import { InputError } from '../outcome/errors.ts'
import type { Conclusion, Evidence, Outcome } from '../outcome/outcome.ts'
import type { Finding } from '../checks/check.ts'
import { checks } from '../checks/registry.ts'
import { runChecks, type CheckReport, type Waiver } from '../checks/run.ts'
import type { Environment } from '../runbook/environment.ts'
import { showDuration } from '../runbook/values.ts'
import { createContext } from './check-context.ts'
import {
  choice,
  commonFields,
  duration,
  flag,
  list,
  targetFields,
  text,
  type Field,
  type Fields,
  type Inputs,
  type Outputs,
} from './inputs.ts'
import type { TargetPorts } from './ports.ts'
import { runStep } from './step.ts'

const ids = checks.map(({ id }) => id)

const skipAccepts = `ids out of ${ids.join(', ')}; or a line for each, like redis: moved on Friday`

/** Ids separated by commas or spaces, or one on each line with a reason after a colon. */
const skipField: Field<Waiver[]> = {
  description: 'Checks to leave out, each with a reason that is recorded.',
  required: false,
  isSecret: false,
  default: '',
  accepts: skipAccepts,
  parse: (name, value) =>
    value.split('\n').flatMap(line => {
      const [said = '', reason = ''] = line.split(/:(.*)/s).map(part => part.trim())
      const named = said.split(/[\s,]+/).filter(id => id !== '')
      const unknown = named.find(id => !ids.includes(id))
      if (unknown !== undefined) throw InputError.of(name, unknown, skipAccepts)
      return named.map(id => ({ id, reason }))
    }),
}

export const preDeployCheckFields = {
  ...commonFields,
  ...targetFields,
  version: text('Version to deploy. Default: the tag that triggered the run.', 'a full version like v1.2.3'),
  image: text(
    'Image to deploy. Without it, what depends on the image is skipped.',
    'an image reference like registry.example.com/runbook-api@sha256:...',
  ),
  'force-conflicts': flag('Whether the deploy will take fields that something else owns.', {
    default: 'false',
  }),
  'backs-up-next': flag(
    'Whether the same run backs the database up before it deploys: then an old backup is only warned of.',
    { default: 'false' },
  ),
  checks: list('Checks to make. Default: all of them.', ids),
  skip: skipField,
  'fail-on': choice('What makes the step fail: a failed check, or a warning already.', ['fail', 'warn'], {
    default: 'fail',
  }),
  timeout: duration('How long the checks may take; they run side by side.', { default: '1m' }),
} satisfies Fields

export const preDeployCheckOutputs = {
  passed: 'How many checks passed.',
  warned: 'How many passed with a warning.',
  failed: 'How many failed.',
  skipped: 'How many were skipped.',
} satisfies Outputs

export type PreDeployCheckInputs = Inputs<typeof preDeployCheckFields>

/** Each check ends this much before the whole step has to, so that the step can still say how the others went. */
const shareOfTimeout = 0.9

/** Proves, before anything is changed, that a deploy can work, and so can its way back. */
export function preDeployCheck(
  environment: Environment,
  inputs: PreDeployCheckInputs,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = { step: 'pre-deploy-check', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'checks-failed', async watch => {
    const selected =
      inputs.checks.length === 0 ? checks : checks.filter(({ id }) => inputs.checks.includes(id))
    ports.log.info(`Making ${selected.length} checks of ${environment.name}, all at once.`)
    const context = createContext(environment, inputs, ports)
    const run = { waivers: inputs.skip, deadlineMs: inputs.timeout * shareOfTimeout }
    const reports = await watch.time('checks', () => runChecks(selected, context, run))
    return conclude(reports, inputs['fail-on'])
  })
}

function conclude(reports: CheckReport[], failOn: 'fail' | 'warn'): Conclusion {
  const of = (result: Finding['result']) => reports.filter(report => report.result === result)
  const counts = { passed: of('pass'), warned: of('warn'), failed: of('fail'), skipped: of('skip') }
  const outputs = Object.fromEntries(Object.entries(counts).map(([name, all]) => [name, String(all.length)]))
  const evidence = reports.map(toEvidence)
  const blocking = failOn === 'warn' ? [...counts.failed, ...counts.warned] : counts.failed
  const [first] = blocking
  if (first) {
    return {
      status: 'failure',
      reason: 'checks-failed',
      summary: `${blocking.length} of ${reports.length} checks say no: ${blocking.map(({ id }) => id).join(', ')}. ${first.finding}.`,
      next: first.remedy,
      evidence,
      outputs,
    }
  }
  const warned = counts.warned.length === 0 ? '' : `, ${counts.warned.length} with a warning`
  const skipped = counts.skipped.length === 0 ? '' : `; ${counts.skipped.length} skipped`
  return {
    status: 'success',
    reason: 'done',
    summary: `${counts.passed.length + counts.warned.length} checks passed${warned}${skipped}. Nothing was changed.`,
    evidence,
    outputs,
  }
}

const tones = { pass: 'good', warn: 'warn', fail: 'bad', skip: 'note' } as const

function toEvidence({ id, result, finding, remedy, detail, ms }: CheckReport): Evidence {
  const more = [remedy, detail ?? ''].filter(part => part !== '').join('\n')
  const took = result === 'skip' ? '' : ` (${showDuration(ms)})`
  return {
    subject: id,
    finding: `${result}: ${finding}${took}`,
    tone: tones[result],
    ...(more === '' ? {} : { detail: more }),
  }
}
