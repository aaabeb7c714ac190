import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../../shared/host/clock.ts'
import { systemExec } from '../../../shared/host/exec.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import { hasEnded } from '../../../shared/host/process-identity.ts'
import { loadEnvironment } from '../../../shared/config/load.ts'
import { openTarget } from '../../../shared/targets/open.ts'
import type { Target } from '../../../shared/targets/target.ts'
import type { Door } from '../../lab/cutting-proxy.ts'
import type { Upstream } from '../../lab/upstream.ts'
import { silent } from '../../log.ts'
import type { Front } from './front.ts'

/** One release of the small service that the kill tests deploy: everything in it follows from its number. */
export interface Look {
  /** Releases of odd and of even numbers differ in what they consist of, so that each adds something and drops something. */
  number: number
  /** It ends as soon as it is started. */
  ill: boolean
}

/** An environment that a kill test has for itself, as it is seen from the outside. */
export interface Site {
  target: 'kubernetes' | 'docker' | 'process'
  /** The checkout that steps work in. */
  folder: string
  /** For `image:` of a deploy; empty where a release has none. */
  image: string
  /** Variables that lead a command there: nothing secret on its command line. */
  access(): Record<string, string | undefined>
  /** Writes the release into the checkout. */
  write(look: Look): void
  /** What the service answers, or how it does not. */
  ask(): Promise<string>
  /** In what the environment differs from that release and nothing else; empty when it is just that. */
  compare(look: Look, release: string): Promise<string[]>
  /** Reads ledger and lease. */
  openTarget(): Promise<Target>
  leave(): Promise<void>
}

/** One of the real lab, whose requests can be cut off. */
export interface Stage extends Site {
  target: 'kubernetes' | 'docker'
  upstream: Upstream
  /** Stands before the service, and is the url of its runbook. */
  front: Front
  /** Inputs and environment that lead a bundle through a door. */
  through(door: Door): { inputs: Record<string, string>; env: Record<string, string> }
  /** Changes with every write to anything but the lease. */
  fingerprint(): Promise<string>
}

export function versionOf({ number }: Look): string {
  return `v1.0.${number}`
}

/** What the service answers. */
export function answerOf(look: Look): string {
  return `${versionOf(look)} in ${look.number % 3 === 0 ? 'red' : 'green'} ${look.number}`
}

/** A gate that is over in half a second: it is not the gate that is on trial. */
const quickGate = `    gate: { for: 600ms, interval: 50ms, error-rate: 50%, paths: [/], baseline: 0s }\n`

/** One request, and a load of so many as there are kill points in it. */
const suite = 'name: root\nrequests:\n  - { name: root, path: / }\nload: { path: / }\n'
const quickSmoke = '    smoke: { suite: suite.yml, requests: 40, concurrency: 1, max-rate: 100 }\n'

/** @param target lines of `target:`, and whatever else the environment says */
export function writeRunbook(folder: string, service: string, lines: string): void {
  writeFileSync(join(folder, 'suite.yml'), suite)
  writeFileSync(
    join(folder, 'runbook.yml'),
    `service: ${service}\nenvironments:\n  main:\n${lines}${quickGate}${quickSmoke}`,
  )
}

export function openStageTarget(folder: string, kubeconfig: string, dockerHost: string): Promise<Target> {
  const environment = loadEnvironment({
    root: folder,
    config: 'runbook.yml',
    environment: 'main',
    overrides: {},
  })
  return openTarget(environment, {
    clock: systemClock,
    exec: systemExec,
    secrets: createSecrets(),
    log: silent,
    env: { DOCKER_HOST: dockerHost, HOME: folder },
    kubeconfig,
    hasEnded,
    signal: new AbortController().signal,
  })
}

/** What a service answers, or how it does not. */
export function ask(host: string, port: number): Promise<string> {
  return new Promise(resolve => {
    const asked = request({ host, port, path: '/', agent: false, timeout: 3_000 }, response => {
      let text = ''
      response.on('data', chunk => (text += String(chunk)))
      response.on('end', () => resolve(text.trim()))
      response.on('error', error => resolve(error.message))
    })
    asked.on('timeout', () => asked.destroy(new Error('timed out')))
    asked.on('error', error => resolve(error.message))
    asked.end()
  })
}

export async function getJson<T>(upstream: Upstream, path: string): Promise<T> {
  const text = await new Promise<string>((resolve, reject) => {
    const sent = upstream.request({ method: 'GET', path, headers: { accept: 'application/json' } })
    sent.on('error', reject)
    sent.on('response', answer => {
      let all = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => (all += chunk))
      answer.on('end', () => resolve(all)).on('error', reject)
    })
    sent.end()
  })
  return JSON.parse(text) as T
}

/** Looks until nothing differs any more, or the time is over. @returns what differs still */
export async function settledDifferences(
  look: () => Promise<string[]>,
  withinMs = 10_000,
): Promise<string[]> {
  for (const giveUp = performance.now() + withinMs; ;) {
    const differences = await look()
    if (differences.length === 0 || performance.now() > giveUp) return differences
    await sleep(100)
  }
}
