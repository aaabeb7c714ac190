import { InputError } from '../../outcome/errors.ts'
import type { Conclusion, Evidence, Outcome } from '../../outcome/outcome.ts'
import type { Finding, Waiver } from '../../checks/check.ts'
import { checks } from '../../checks/registry.ts'
import { runChecks, type CheckReport } from '../../checks/run.ts'
import { createAside } from '../../host/aside.ts'
import type { Exception } from '../../release/ledger.ts'
import { leaveTold } from '../../report/told.ts'
import type { Environment } from '../../config/environment.ts'
import { showDuration } from '../../config/values.ts'
import { createContext } from './check-context.ts'
import {
  choice,
  commonFields,
  duration,
  flag,
  list,
  secret,
  targetFields,
  text,
  type Field,
  type Fields,
  type Inputs,
  type Outputs,
} from '../step/inputs.ts'
import type { TargetPorts } from '../step/ports.ts'
import { runStep } from '../step/step.ts'

const ids = checks.map(({ id }) => id)

/** Ids separated by commas or spaces, or one on each line with a reason after a colon. */
function waivers(description: string, reasons: 'optional' | 'required'): Field<Waiver[]> {
  const accepts =
    reasons === 'required'
      ? `a line for each, like ${ids[0] ?? ''}: hotfix for incident 4711; out of ${ids.join(', ')}`
      : `ids out of ${ids.join(', ')}; or a line for each, like redis: moved on Friday`
  return {
    description,
    required: false,
    isSecret: false,
    default: '',
    accepts,
    parse: (name, value) =>
      value.split('\n').flatMap(line => {
        const [said = '', reason = ''] = line.split(/:(.*)/s).map(part => part.trim())
        const named = said.split(/[\s,]+/).filter(id => id !== '')
        const unknown = named.find(id => !ids.includes(id))
        if (unknown !== undefined) throw InputError.of(name, unknown, accepts)
        const [first] = named
        if (first === undefined && reason !== '') throw InputError.of(name, line.trim(), accepts)
        if (reasons === 'required' && first !== undefined && reason === '')
          throw InputError.of(`the reason of ${first} in ${name}`, undefined, accepts)
        return named.map(id => ({ id, reason }))
      }),
  }
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
  skip: waivers('Checks to leave out, each with a reason that is recorded.', 'optional'),
  accept: waivers(
    'Checks that may fail, as a hotfix needs it: they are made, and what they find is recorded and announced.',
    'required',
  ),
  'github-token': {
    ...secret(
      'Token that may read checks, statuses and pull requests of the repository. At a terminal: GITHUB_TOKEN.',
      'a token of GitHub',
    ),
    actionDefault: '${{ github.token }}',
  },
  'fail-on': choice('What makes the step fail: a failed check, or a warning already.', ['fail', 'warn'], {
    default: 'fail',
  }),
  timeout: duration('How long all checks may take; they run side by side, each with a deadline of its own.', {
    default: '10m',
  }),
} satisfies Fields

export const preDeployCheckOutputs = {
  passed: 'How many checks passed.',
  warned: 'How many passed with a warning.',
  failed: 'How many failed, and were not accepted.',
  skipped: 'How many were skipped.',
  accepted: 'Ids of the checks that failed and were accepted, separated by commas.',
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
    const mostMs = inputs.timeout * shareOfTimeout
    const reports = await watch.time('checks', () => runChecks(selected, context, mostMs))
    const told = {
      announced: reports.some(({ id, result }) => id === 'announcement' && result === 'pass'),
      // Reasons are recorded with the release: a secret that a user wrote into one goes no further.
      exceptions: exceptionsIn(reports, context.skipped).map(each => ({
        ...each,
        reason: ports.secrets.redact(each.reason),
      })),
    }
    await createAside(ports.log)('What the deploy is to know of the checks', () =>
      leaveTold(environment.root, environment.name, ports.run, context.version, told),
    )
    return conclude(reports, inputs['fail-on'])
  })
}

function conclude(reports: CheckReport[], failOn: 'fail' | 'warn'): Conclusion {
  const of = (result: Finding['result']) => reports.filter(report => report.result === result)
  const counts = { passed: of('pass'), warned: of('warn'), failed: of('fail'), skipped: of('skip') }
  const accepted = reports.filter(each => each.accepted !== undefined)
  const outputs = {
    ...Object.fromEntries(Object.entries(counts).map(([name, all]) => [name, String(all.length)])),
    accepted: accepted.map(({ id }) => id).join(','),
  }
  const evidence = reports.map(toEvidence)
  const warnings = counts.warned.filter(each => each.accepted === undefined)
  const blocking = failOn === 'warn' ? [...counts.failed, ...warnings] : counts.failed
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
  const warned = warnings.length === 0 ? '' : `, ${warnings.length} with a warning`
  const taken = accepted.map(each => `${each.id} failed and was accepted (${each.accepted ?? ''})`)
  const skipped = counts.skipped.length === 0 ? '' : `${counts.skipped.length} skipped`
  const rest = [...taken, skipped].filter(part => part !== '').map(part => `; ${part}`)
  return {
    status: 'success',
    reason: 'done',
    summary: `${counts.passed.length + warnings.length} checks passed${warned}${rest.join('')}. Nothing was changed.`,
    evidence,
    outputs,
  }
}

/** What the release is let past, for the ledger. */
function exceptionsIn(reports: CheckReport[], skipped: Waiver[]): Exception[] {
  return reports.flatMap(({ id, accepted }): Exception[] => {
    const left = skipped.find(each => each.id === id)
    if (left) return [{ check: id, as: 'skipped', reason: left.reason }]
    return accepted === undefined ? [] : [{ check: id, as: 'accepted', reason: accepted }]
  })
}

const tones = { pass: 'good', warn: 'warn', fail: 'bad', skip: 'note' } as const

function toEvidence({ id, result, finding, remedy, detail, ms }: CheckReport): Evidence {
  const took = result === 'skip' ? '' : ` (${showDuration(ms)})`
  return {
    subject: id,
    finding: `${result}: ${finding}${took}`,
    tone: tones[result],
    ...(remedy === '' ? {} : { next: remedy }),
    ...(detail === undefined ? {} : { detail }),
  }
}
