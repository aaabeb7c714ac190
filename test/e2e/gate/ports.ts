import { ToolError } from '../../../shared/outcome/errors.ts'
import { systemClock as clock } from '../../../shared/host/clock.ts'
import { systemExec as exec } from '../../../shared/host/exec.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import { gateDefaults, type Environment } from '../../../shared/config/environment.ts'
import type { TargetPorts } from '../../../shared/commands/step/ports.ts'
import { silent } from '../../log.ts'

/** The machine's ports, for a run of its own; its target cannot be opened unless `said` has one. */
export function realPorts(said: Partial<TargetPorts> = {}): TargetPorts {
  return {
    clock,
    exec,
    secrets: createSecrets(),
    log: silent,
    env: process.env,
    run: {
      ...{ id: 'r/1', attempt: 1, job: 'deploy', title: 'run 1', url: '', actor: 'ada', tag: '', sha: '' },
      process: undefined,
    },
    signal: new AbortController().signal,
    openTarget: () =>
      Promise.reject(new ToolError('the engine does not answer', { tool: 'docker', hint: 'Start it.' })),
    openTunnel: () => Promise.reject(new Error('there is no cluster')),
    stray: new AbortController().signal,
    under: signal => realPorts({ ...said, signal }),
    ...said,
  }
}

/** An environment that only says where its service is. What is in use on the test's own machine does not matter. */
export function environmentAt(url: string, said: Partial<Environment> = {}): Environment {
  return {
    service: 'runbook-api',
    name: 'staging',
    root: process.cwd(),
    target: { kind: 'docker', container: 'runbook-staging', ports: ['3001:3000'] },
    url,
    envFile: '',
    requires: [],
    backup: undefined,
    tunnels: { database: '', redis: '' },
    gate: { ...gateDefaults, forMs: 3_000, intervalMs: 50, memory: 2, cpu: 2, disk: 2 },
    monitoring: { prometheus: '', grafana: '', pushgateway: '' },
    notify: { slack: '', github: '' },
    smoke: { suite: '', requests: 200, concurrency: 10 },
    ...said,
  }
}
