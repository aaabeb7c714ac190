import type { Outcome } from '../shared/outcome/outcome.ts'
import type { Environment } from '../shared/runbook/environment.ts'
import { parseInputs, type Fields, type Inputs } from '../shared/steps/inputs.ts'
import type { TargetPorts } from '../shared/steps/ports.ts'
import type { Report } from '../shared/steps/promote.ts'

/** One word after `runbook`. */
export interface Command {
  description: string
  fields: Fields
  /** Inputs that may be given without their name, in this order. */
  positional: string[]
  work: (
    environment: Environment,
    read: (name: string) => string,
    ports: TargetPorts,
    report: Report,
  ) => Promise<Outcome>
}

type Step<F extends Fields> = (
  environment: Environment,
  inputs: Inputs<F>,
  ports: TargetPorts,
) => Promise<Outcome>

/** By the guide's word for it, and by the action's. */
async function loadPreDeploy(): Promise<Command> {
  const { preDeployCheck, preDeployCheckFields } = await import('../shared/steps/pre-deploy-check.ts')
  return single('Proves that a deploy, and its way back, can work.', preDeployCheckFields, preDeployCheck)
}

/** Every command, loaded when it is called. */
export const commands: Record<string, () => Promise<Command>> = {
  promote: async () => {
    const { promote, promoteFields } = await import('../shared/steps/promote.ts')
    const description =
      'Checks, backs up, deploys, gates and smoke-tests; brings the last good release back otherwise.'
    return { description, fields: promoteFields, positional: ['environment', 'version'], work: promote }
  },
  deploy: async () => {
    const { deployGated, promoteFields } = await import('../shared/steps/promote.ts')
    const description = 'Deploys, gates and smoke-tests; brings the last good release back otherwise.'
    const { deployFields } = await import('../shared/steps/deploy.ts')
    const fields = { ...promoteFields, backup: deployFields.backup }
    return { description, fields, positional: ['environment', 'version'], work: deployGated }
  },
  'pre-deploy': loadPreDeploy,
  'pre-deploy-check': loadPreDeploy,
  'backup-db': async () => {
    const { backupDb } = await import('../shared/steps/backup-db.ts')
    const { backupDbFields } = await import('../shared/steps/backup-db-fields.ts')
    return single('Dumps the database, and verifies the dump by restoring it.', backupDbFields, backupDb)
  },
  'restore-db': async () => {
    const { restoreDb, restoreDbFields } = await import('../shared/steps/restore-db.ts')
    return single(
      'Restores a backup beside the live database, then swaps them.',
      restoreDbFields,
      restoreDb,
      ['backup'],
    )
  },
  drill: async () => {
    const { drill, drillFields } = await import('../shared/steps/drill.ts')
    const description =
      'Restores the newest backup away from production, compares it, and says how long it took.'
    return single(description, drillFields, drill, ['backup'])
  },
  'health-check': async () => {
    const { healthCheckFields, healthChecks } = await import('../shared/steps/health-check.ts')
    const description = 'Probes the service until it is certain whether it is well; once, or again and again.'
    return {
      description,
      fields: healthCheckFields,
      positional: ['environment'],
      work: (environment, read, ports, report) =>
        healthChecks(environment, parseInputs(healthCheckFields, read), ports, report),
    }
  },
  'smoke-test': async () => {
    const { smokeTest, smokeTestFields } = await import('../shared/steps/smoke-test.ts')
    return single('Sends a suite of requests and a bounded load.', smokeTestFields, smokeTest)
  },
  rollback: async () => {
    const { rollback } = await import('../shared/steps/rollback.ts')
    const { rollbackFields } = await import('../shared/steps/rollback-fields.ts')
    return single('Brings the last good release, or a named one, back whole.', rollbackFields, rollback, [
      'to',
    ])
  },
  settle: async () => {
    const { settle, settleFields } = await import('../shared/steps/settle.ts')
    return single('Finishes what a run that vanished left behind.', settleFields, settle)
  },
  hold: async () => {
    const { hold, holdFields } = await import('../shared/steps/hold.ts')
    const description = 'Keeps every run away from an environment, also one that works on it now.'
    return single(description, holdFields, hold, ['because'])
  },
  resume: async () => {
    const { resume, resumeFields } = await import('../shared/steps/resume.ts')
    return single('Ends a hold.', resumeFields, resume, ['because'])
  },
  unlock: async () => {
    const { unlock, unlockFields } = await import('../shared/steps/unlock.ts')
    const description = 'Takes the lease away from a run that is stuck or gone.'
    return single(description, unlockFields, unlock, ['because'])
  },
  history: async () => {
    const { history, historyFields } = await import('../shared/steps/history.ts')
    return single('Lists every release and what operators did, newest first.', historyFields, history)
  },
  status: async () => {
    const { status, statusFields } = await import('../shared/steps/status.ts')
    return single('Says what serves, since when and by whom, and who holds the lease.', statusFields, status)
  },
  'monitoring:setup': async () => {
    const { monitoringSetup, monitoringSetupFields } = await import('../shared/steps/monitoring-setup.ts')
    return single(
      'Makes alert rules and dashboards from the runbook, checks them, and uploads them.',
      monitoringSetupFields,
      monitoringSetup,
    )
  },
  'env:encrypt': async () => {
    const { envEncrypt, envEncryptFields } = await import('../shared/steps/env-seal.ts')
    return single('Encrypts the env-file, beside itself.', envEncryptFields, envEncrypt)
  },
  'env:decrypt': async () => {
    const { envDecrypt, envDecryptFields } = await import('../shared/steps/env-seal.ts')
    return single('Writes the env-file out of its encrypted form.', envDecryptFields, envDecrypt)
  },
  logs: async () => {
    const { logs, logsFields } = await import('../shared/steps/logs.ts')
    return single("Shows the end of the service's own log.", logsFields, logs)
  },
}

function single<F extends Fields>(
  description: string,
  fields: F,
  step: Step<F>,
  more: string[] = [],
): Command {
  return {
    description,
    fields,
    positional: ['environment', ...more],
    work: (environment, read, ports) => step(environment, parseInputs(fields, read), ports),
  }
}
