import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Outcome } from '../../shared/outcome/outcome.ts'
import { runProgram, textOf, type Ran } from './program.ts'

const tree = join(import.meta.dirname, '../../build/tree')

/** Where a service of the bench runs. */
export interface Site {
  /** A folder of its own: the checkout. */
  folder: string
  service: string
  kubeconfig: string
  namespace: string
  /** The image to deploy, by digest. */
  image: string
}

/** One step, run from its published bundle as a runner runs it. */
export interface Step extends Ran {
  outcome: Outcome
}

/** The checkout of one service, in which the published actions run. */
export interface Checkout {
  /** Replaces its manifests. */
  write(manifests: Record<string, string>): void
  /** @param image instead of the site's */
  deploy(version: string, image?: string): Promise<Step>
  /** The deploy's post step, which runs when its whole job has succeeded: the release is good from then on. */
  finish(): Promise<void>
  rollback(): Promise<Step>
}

/** Makes a checkout whose workload is the Deployment named like the service. */
export function openCheckout({ folder, service, kubeconfig, namespace, image }: Site): Checkout {
  const [outputs, state] = [join(folder, 'outputs'), join(folder, 'state')]
  const manifests = join(folder, 'k8s')
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'runbook.yml'),
    `service: ${service}
environments:
  production:
    target: { kind: kubernetes, namespace: ${namespace}, manifests: k8s, workload: deployment/${service} }
`,
  )
  let run = 0
  const start = (action: string, file: string, env: Record<string, string>): Promise<Ran> =>
    runProgram('node', [join(tree, action, 'dist', file)], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        GITHUB_WORKSPACE: folder,
        GITHUB_ACTIONS: 'true',
        GITHUB_REPOSITORY: 'org/bench',
        GITHUB_RUN_ID: String(run),
        GITHUB_OUTPUT: outputs,
        GITHUB_STATE: state,
        INPUT_ENVIRONMENT: 'production',
        INPUT_CONFIG: 'runbook.yml',
        INPUT_KUBECONFIG: kubeconfig,
        ...env,
      },
    })
  const step = async (action: string, env: Record<string, string>): Promise<Step> => {
    for (const file of [outputs, state]) writeFileSync(file, '')
    const ran = await start(action, 'index.js', env)
    const { outcome } = assignments(outputs)
    if (outcome === undefined) throw new Error(`${action} ended without an outcome:\n${textOf(ran)}`)
    return { ...ran, outcome: JSON.parse(outcome) as Outcome }
  }
  let released: Record<string, string> = {}
  return {
    write(files) {
      rmSync(manifests, { recursive: true, force: true })
      mkdirSync(manifests)
      for (const [name, text] of Object.entries(files)) writeFileSync(join(manifests, name), text)
    },
    deploy(version, other = image) {
      run++
      released = { INPUT_VERSION: version, INPUT_IMAGE: other }
      return step('deploy', released)
    },
    async finish() {
      const saved = Object.entries(assignments(state)).map(([name, value]) => [`STATE_${name}`, value])
      await start('deploy', 'post.js', { ...released, ...(Object.fromEntries(saved) as object) })
    },
    rollback() {
      // The job that deployed a release that is not finished is the one that takes it back.
      return step('rollback', {})
    },
  }
}

/** A release that has to become good: what the measured one follows. */
export async function mustDeploy(checkout: Checkout, version: string): Promise<Step> {
  const step = await checkout.deploy(version)
  if (step.code !== 0) throw new Error(`${version} was not deployed:\n${textOf(step)}`)
  await checkout.finish()
  return step
}

/** Milliseconds of a phase of a step, as it says itself. */
export function phaseOf({ outcome }: Step, phase: string): number {
  return outcome.timings.filter(timing => timing.phase === phase).reduce((sum, { ms }) => sum + ms, 0)
}

/** What a deploy does before it sends the first object. */
const preparation = ['render', 'rehearse', 'plan-rollback', 'lease', 'intend', 'prepare', 'migrate']

/** Milliseconds from the first object's apply to the end of the process: never less, as the start of node counts. */
export function sinceApply({ startedAt, endedAt, outcome }: Step): number {
  const before = outcome.timings.filter(({ phase }) => preparation.includes(phase))
  return endedAt - startedAt - before.reduce((sum, { ms }) => sum + ms, 0)
}

function assignments(file: string): Record<string, string> {
  if (!existsSync(file)) return {}
  const text = readFileSync(file, 'utf8')
  const found = text.matchAll(/^(\S+)<<(.+)\n([\s\S]*?)\n\2$/gm)
  return Object.fromEntries([...found].map(([, name = '', , value = '']) => [name, value]))
}
