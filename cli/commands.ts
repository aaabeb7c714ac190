import type { Outcome } from '../shared/outcome/outcome.ts'
import type { Environment } from '../shared/config/environment.ts'
import { parseInputs, type Field, type Fields, type Inputs } from '../shared/commands/step/inputs.ts'
import type { TargetPorts } from '../shared/commands/step/ports.ts'
import type { Report } from '../shared/commands/promote/sequence.ts'

/** What one word after `runbook` does, once it is loaded. */
export interface Command {
  fields: Fields
  /** Inputs that may be given without their name, in this order. */
  positional: string[]
  /** Milliseconds after which it is ended; without it, its parts heed their own timeouts. */
  timeoutMs?: (inputs: Record<string, unknown>) => number
  work: (
    environment: Environment,
    read: (name: string) => string,
    ports: TargetPorts,
    report: Report,
  ) => Promise<Outcome>
}

/** One word after `runbook`. */
export interface Entry {
  /** One sentence, for `runbook help`. */
  description: string
  load: () => Promise<Command>
}

type Step<F extends Fields> = (
  environment: Environment,
  inputs: Inputs<F>,
  ports: TargetPorts,
) => Promise<Outcome>

/** By the guide's word for it, and by the action's. */
async function loadPreDeploy(): Promise<Command> {
  const { preDeployCheck, preDeployCheckFields } =
    await import('../shared/commands/check/pre-deploy-check.ts')
  return single(preDeployCheckFields, preDeployCheck, ['version'])
}

/** Every command that is about environments, loaded when it is called. */
export const commands: Record<string, Entry> = {
  promote: {
    description:
      'Checks, backs up, deploys, gates and smoke-tests; brings the last good release back otherwise.',
    load: async () => {
      const { promote, promoteFields } = await import('../shared/commands/promote/promote.ts')
      return { fields: promoteFields, positional: ['environment', 'version'], work: promote }
    },
  },
  deploy: {
    description:
      'Deploys, gates and smoke-tests, without the checks and the backup; brings the last good release back otherwise.',
    load: async () => {
      const { deployGated, gatedDeployFields } = await import('../shared/commands/promote/promote.ts')
      return { fields: gatedDeployFields, positional: ['environment', 'version'], work: deployGated }
    },
  },
  'pre-deploy': {
    description: 'Proves that a deploy, and its way back, can work.',
    load: loadPreDeploy,
  },
  'pre-deploy-check': {
    description: 'The same, by the name of the action.',
    load: loadPreDeploy,
  },
  'backup-db': {
    description: 'Dumps the database, and verifies the dump by restoring it.',
    load: async () => {
      const { backupDb } = await import('../shared/commands/backup/backup-db.ts')
      const { backupDbFields } = await import('../shared/commands/backup/backup-db-fields.ts')
      return bounded(backupDbFields, backupDb)
    },
  },
  'restore-db': {
    description: 'Restores a backup beside the live database, then swaps them.',
    load: async () => {
      const { restoreDb, restoreDbFields } = await import('../shared/commands/backup/restore-db.ts')
      return bounded(restoreDbFields, restoreDb, ['backup'])
    },
  },
  drill: {
    description: 'Restores the newest backup away from production, compares it, and says how long it took.',
    load: async () => {
      const { drill, drillFields } = await import('../shared/commands/backup/drill.ts')
      return bounded(drillFields, drill, ['backup'])
    },
  },
  'health-check': {
    description: 'Probes the service until it is certain whether it is well; once, or again and again.',
    load: async () => {
      const { healthCheckFields, healthChecks } = await import('../shared/commands/watch/health-check.ts')
      return {
        fields: healthCheckFields,
        positional: ['environment'],
        work: (environment, read, ports, report) =>
          healthChecks(environment, parseInputs(healthCheckFields, read), ports, report),
      }
    },
  },
  'smoke-test': {
    description: 'Sends a suite of requests and a bounded load.',
    load: async () => {
      const { smokeTest, smokeTestFields } = await import('../shared/commands/verify/smoke-test.ts')
      return single(smokeTestFields, smokeTest)
    },
  },
  rollback: {
    description: 'Brings the last good release, or a named one, back whole.',
    load: async () => {
      const { rollback } = await import('../shared/commands/rollback/rollback.ts')
      const { rollbackFields } = await import('../shared/commands/rollback/rollback-fields.ts')
      return single(rollbackFields, rollback, ['to'])
    },
  },
  settle: {
    description: 'Finishes what a run that vanished left behind.',
    load: async () => {
      const { settle, settleFields } = await import('../shared/commands/recover/settle.ts')
      return single(settleFields, settle)
    },
  },
  hold: {
    description: 'Keeps every run away from an environment, also one that works on it now.',
    load: async () => {
      const { hold, holdFields } = await import('../shared/commands/operate/hold.ts')
      return single(holdFields, hold, ['because'])
    },
  },
  resume: {
    description: 'Ends a hold.',
    load: async () => {
      const { resume, resumeFields } = await import('../shared/commands/operate/resume.ts')
      return single(resumeFields, resume, ['because'])
    },
  },
  unlock: {
    description: 'Takes the lease away from a run that is stuck or gone.',
    load: async () => {
      const { unlock, unlockFields } = await import('../shared/commands/operate/unlock.ts')
      return single(unlockFields, unlock, ['because'])
    },
  },
  status: {
    description: 'Says what serves, since when and by whom, and who holds the lease.',
    load: async () => {
      const { status, statusFields } = await import('../shared/commands/inspect/status.ts')
      return single(statusFields, status)
    },
  },
  history: {
    description: 'Lists every release and what operators did, newest first.',
    load: async () => {
      const { history, historyFields } = await import('../shared/commands/inspect/history.ts')
      return single(historyFields, history)
    },
  },
  logs: {
    description: "Shows the end of the service's own log.",
    load: async () => {
      const { logs, logsFields } = await import('../shared/commands/inspect/logs.ts')
      return single(logsFields, logs)
    },
  },
  'monitoring:setup': {
    description: 'Makes alert rules and dashboards from the runbook, checks them, and uploads them.',
    load: async () => {
      const { monitoringSetup, monitoringSetupFields } =
        await import('../shared/commands/watch/monitoring-setup.ts')
      return single(monitoringSetupFields, monitoringSetup)
    },
  },
  'env:encrypt': {
    description: 'Encrypts the env-file, beside itself.',
    load: async () => {
      const { envEncrypt, envEncryptFields } = await import('../shared/commands/operate/env-seal.ts')
      return single(envEncryptFields, envEncrypt)
    },
  },
  'env:decrypt': {
    description: 'Writes the env-file out of its encrypted form.',
    load: async () => {
      const { envDecrypt, envDecryptFields } = await import('../shared/commands/operate/env-seal.ts')
      return single(envDecryptFields, envDecrypt)
    },
  },
}

function single<F extends Fields>(fields: F, step: Step<F>, more: string[] = []): Command {
  return {
    fields,
    positional: ['environment', ...more],
    work: (environment, read, ports) => step(environment, parseInputs(fields, read), ports),
  }
}

/** A step whose `timeout` is how long all of it may take, and that leaves nothing half-way when it is ended there. */
function bounded<F extends Fields & { timeout: Field<number> }>(
  fields: F,
  step: Step<F>,
  more: string[] = [],
): Command {
  return { ...single(fields, step, more), timeoutMs: ({ timeout }) => Number(timeout) }
}
