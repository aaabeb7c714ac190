import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPorts, type RunnerPorts } from '../../../shared/commands/step/machine.ts'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import { gateDefaults, type Environment } from '../../../shared/config/environment.ts'
import { deploy } from '../../../shared/commands/deploy/deploy.ts'
import { deployFields } from '../../../shared/commands/deploy/deploy-fields.ts'
import { finish } from '../../../shared/commands/promote/finish.ts'
import { healthGate, healthGateFields } from '../../../shared/commands/verify/health-gate.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { deployGated } from '../../../shared/commands/promote/promote.ts'
import { smokeTest, smokeTestFields } from '../../../shared/commands/verify/smoke-test.ts'
import { rollback } from '../../../shared/commands/rollback/rollback.ts'
import { rollbackFields } from '../../../shared/commands/rollback/rollback-fields.ts'
import type { Room } from '../kubernetes/cluster.ts'
import { logTo } from '../../log.ts'

/** One run of a workflow against a room's namespace: the very steps, in this process. */
export interface Run {
  environment: Environment
  ports: RunnerPorts
  logged: string[]
  deploy(version: string, inputs?: Record<string, string>): Promise<Outcome>
  gate(): Promise<Outcome>
  smoke(): Promise<Outcome>
  /** What `runbook deploy` does: deploys, gates and smoke-tests; restores the last good release otherwise. */
  deployGated(version: string): Promise<Outcome>
  /** What deploy's post step does when the job succeeded. */
  finish(deployed: Outcome): Promise<Outcome>
  /** Deploys and finishes; throws when either does not succeed. */
  release(version: string): Promise<string>
  rollback(inputs?: Record<string, string>): Promise<Outcome>
  /** Cancels all that the run does. */
  cancel: AbortController
}

export interface Script {
  manifests: Record<string, string>
  envFile?: string
  url?: string
  /** Who it is; each has its own by default. */
  id?: string
  /** The suite of the smoke test, YAML. */
  suite?: string
  /** Paths that the gate probes; `/` by default. */
  paths?: string[]
  /** What the runbook calls the workload; `deployment/probe` by default. */
  workload?: string
}

export interface Stage {
  run(script: Script): Run
  leave(): Promise<void>
}

/** Runs in the namespace of a room; the gate takes a second and a half. */
export function openStage(room: Room): Stage {
  const folders: string[] = []
  const opened: RunnerPorts[] = []
  let runs = 0
  return {
    run({
      manifests,
      envFile,
      url = '',
      id = `run-${(runs += 1)}`,
      suite,
      paths = ['/'],
      workload = 'deployment/probe',
    }) {
      const root = mkdtempSync(join(tmpdir(), 'runbook-rollback-'))
      folders.push(root)
      mkdirSync(join(root, 'manifests'))
      for (const [file, text] of Object.entries(manifests)) writeFileSync(join(root, 'manifests', file), text)
      if (envFile !== undefined) writeFileSync(join(root, '.env'), envFile)
      if (suite !== undefined) writeFileSync(join(root, 'suite.yml'), suite)
      const environment: Environment = {
        service: 'probe',
        name: 'production',
        root,
        target: {
          kind: 'kubernetes',
          namespace: room.namespace,
          manifests: 'manifests',
          workload,
        },
        url,
        envFile: envFile === undefined ? '' : '.env',
        requires: [],
        backup: undefined,
        tunnels: { database: '', redis: '' },
        monitoring: { prometheus: '', grafana: '', pushgateway: '' },
        notify: { slack: '', github: '' },
        gate: {
          ...gateDefaults,
          forMs: 3_200,
          intervalMs: 50,
          baselineMs: 0,
          paths,
          memory: 2,
          cpu: 2,
          disk: 2,
        },
        smoke: { suite: suite === undefined ? '' : 'suite.yml', requests: 1, concurrency: 1 },
      }
      const logged: string[] = []
      const secrets = createSecrets()
      const add = (line: string) => void logged.push(secrets.redact(line))
      const log = { ...logTo(add), debug: () => undefined }
      const cancel = new AbortController()
      const env = {
        GITHUB_ACTIONS: 'true',
        GITHUB_REPOSITORY: 'org/probe',
        GITHUB_RUN_ID: id,
        GITHUB_ACTOR: 'ada',
        PATH: process.env['PATH'],
      }
      const machine = { log, secrets, env, pid: process.pid, signal: cancel.signal }
      const ports = createPorts(machine, environment, room.lab.kubeconfig)
      opened.push(ports)
      const read = (inputs: Record<string, string>) => (name: string) =>
        inputs[name] ?? (name === 'environment' ? 'production' : '')
      const run: Run = {
        environment,
        ports,
        logged,
        cancel,
        deploy: (version, inputs = {}) =>
          deploy(
            environment,
            parseInputs(deployFields, read({ version, image: room.image, timeout: '1m', ...inputs })),
            ports,
          ),
        gate: () => healthGate(environment, parseInputs(healthGateFields, read({})), ports),
        smoke: () => smokeTest(environment, parseInputs(smokeTestFields, read({})), ports),
        deployGated: version =>
          deployGated(
            environment,
            read({ version, image: room.image, timeout: '1m' }),
            ports,
            () => undefined,
          ),
        finish: deployed => finish(environment, deployed.outputs, ports),
        async release(version) {
          for (const outcome of [await run.deploy(version)].flatMap(each => [each])) {
            const closed = outcome.status === 'success' ? await run.finish(outcome) : outcome
            if (closed.status !== 'success') throw new Error(`${closed.reason}: ${closed.summary}`)
          }
          const { ledger } = await (await ports.openTarget()).read()
          return ledger.serving ?? ''
        },
        rollback: (inputs = {}) =>
          rollback(environment, parseInputs(rollbackFields, read({ timeout: '1m', ...inputs })), ports),
      }
      return run
    },
    async leave() {
      await Promise.all(opened.map(ports => ports.close()))
      for (const folder of folders) rmSync(folder, { recursive: true })
    },
  }
}
