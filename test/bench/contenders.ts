import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mustDeploy, openCheckout, phaseOf, sinceApply } from './bundle.ts'
import { mustRun, runProgram, textOf, type Ran, type RunOptions } from './program.ts'

/** What an operator who waits for a rollout sees of one that cannot become ready. */
export interface Told {
  /** From the apply to the end of the program that waits. */
  ms: number
  /** From the start of the first program. */
  wholeMs: number
  /** `refused`: before anything was changed. */
  verdict: 'failed' | 'refused' | 'ready' | 'late'
  /** The cause as it was told, shortened. */
  words: string
}

/** An operator who rolls out and waits. */
export interface Contender {
  /** Makes the good release serve; again after a bad one. */
  makeGood(): Promise<void>
  /** Rolls the bad one out. */
  tryBad(): Promise<Told>
}

/** What every contender is given. */
export interface Arena {
  folder: string
  kubeconfig: string
  namespace: string
  image: string
  good: Record<string, string>
  bad: Record<string, string>
}

/** Programs by their paths. */
export interface Tools {
  kubectl: string
  helm: string
  kubedog: string
}

/**
 * What kubectl and Helm are given instead of their defaults, so that the bench ends: both wait for a deadline, and every
 * second of it that is left out here is added again by `atDefaults`.
 */
export const boundSeconds = 60
const defaults = { kubectl: 600, helm: 300 }

/** How long an operator who waited for the bound would have waited at their defaults, milliseconds. */
export function atDefaults(who: 'kubectl' | 'helm', { ms, verdict }: Told): number {
  return verdict === 'late' ? ms + (defaults[who] - boundSeconds) * 1_000 : ms
}

/** Our deploy action, from its published bundle. */
export function us({ folder, kubeconfig, namespace, image, good, bad }: Arena): Contender {
  const checkout = openCheckout({ folder, service: 'probe', kubeconfig, namespace, image })
  let round = 0
  return {
    async makeGood() {
      if (round > 0) await checkout.rollback()
      else {
        checkout.write(good)
        await mustDeploy(checkout, 'v1.0.0')
      }
      checkout.write(bad)
    },
    async tryBad() {
      const step = await checkout.deploy(`v1.0.${++round}`)
      const { reason, summary } = step.outcome
      const failed =
        reason === 'rollout-doomed' ? 'failed' : phaseOf(step, 'apply') === 0 ? 'refused' : 'late'
      const verdict = step.code === 0 ? 'ready' : failed
      return {
        ms: sinceApply(step),
        wholeMs: step.endedAt - step.startedAt,
        verdict,
        words: summary.replace(/^.*?does not become ready: /, ''),
      }
    },
  }
}

/** `kubectl apply`, then `kubectl rollout status`. */
export function kubectl(arena: Arena, tools: Tools): Contender {
  const { apply, run } = plain(arena, tools, boundSeconds)
  const status = ['rollout', 'status', 'deployment/probe']
  return {
    async makeGood() {
      await apply('good')
      await mustRun(...run(...status))
    },
    async tryBad() {
      const applied = await apply('bad')
      const ran = await runProgram(...run(...status))
      return tell(ran, ran.endedAt - applied.startedAt)
    },
  }
}

/** `kubectl apply`, then kubedog, which decides for itself when there is no hope. */
export function kubedog(arena: Arena, tools: Tools): Contender {
  const { apply, run } = plain(arena, tools, 600)
  const spec = { Deployments: [{ ResourceName: 'probe', Namespace: arena.namespace }] }
  return {
    async makeGood() {
      await apply('good')
      await mustRun(...run('rollout', 'status', 'deployment/probe'))
    },
    async tryBad() {
      const applied = await apply('bad')
      const ran = await runProgram(
        tools.kubedog,
        ['--kube-config', arena.kubeconfig, '--timeout', String(boundSeconds), 'multitrack'],
        {
          stdin: JSON.stringify(spec),
          env: { ...process.env, KUBEDOG_NO_COLOR: '1' },
          // It hangs now and then, beyond its own timeout.
          timeoutMs: (boundSeconds + 5) * 1_000,
        },
      )
      const ms = ran.endedAt - applied.startedAt
      const told = tell(ran, ms)
      return told.verdict === 'ready' || ms > boundSeconds * 1_000 ? told : { ...told, verdict: 'failed' }
    },
  }
}

/** `helm upgrade --rollback-on-failure`: until it gives up; its rollback, which follows, is not counted. */
export function helm({ folder, kubeconfig, namespace, image, good, bad }: Arena, tools: Tools): Contender {
  const charts = { good: writeChart(good), bad: writeChart(bad) }
  const flags = ['--kubeconfig', kubeconfig, '-n', namespace, '--timeout', `${boundSeconds}s`]
  return {
    async makeGood() {
      await mustRun(tools.helm, ['upgrade', '--install', 'probe', charts.good, '--wait', ...flags])
    },
    async tryBad() {
      const ran = await runProgram(tools.helm, [
        'upgrade',
        'probe',
        charts.bad,
        '--rollback-on-failure',
        '--debug',
        ...flags,
      ])
      const gaveUp = ran.lines.find(({ text }) => /upgrade failed/i.test(text))
      return tell(ran, (gaveUp?.at ?? ran.endedAt) - ran.startedAt)
    },
  }

  function writeChart(manifests: Record<string, string>): string {
    const chart = join(folder, manifests === good ? 'good' : 'bad')
    mkdirSync(join(chart, 'templates'), { recursive: true })
    writeFileSync(join(chart, 'Chart.yaml'), 'apiVersion: v2\nname: probe\nversion: 1.0.0\n')
    for (const [file, text] of Object.entries(manifests)) {
      writeFileSync(join(chart, 'templates', file), withImage(text, image))
    }
    return chart
  }
}

function plain({ folder, kubeconfig, namespace, image, good, bad }: Arena, tools: Tools, deadline: number) {
  const run = (...args: string[]): [string, string[], RunOptions] => [
    tools.kubectl,
    ['--kubeconfig', kubeconfig, '-n', namespace, ...args],
    {},
  ]
  const apply = (which: 'good' | 'bad') => {
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    for (const [file, text] of Object.entries(which === 'good' ? good : bad)) {
      const bounded = text.replace(/^ {2}replicas:/m, `  progressDeadlineSeconds: ${deadline}\n  replicas:`)
      writeFileSync(join(folder, file), withImage(bounded, image))
    }
    return mustRun(...run('apply', '-f', folder))
  }
  return { run, apply }
}

function withImage(text: string, image: string): string {
  return text.replace(/image: e2e-probe$/m, `image: ${image}`)
}

function tell(ran: Ran, ms: number): Told {
  const last = ran.lines.findLast(({ text }) => text.trim() !== '')?.text ?? ''
  const verdict = ran.code === 0 ? 'ready' : ms < (boundSeconds - 5) * 1_000 ? 'failed' : 'late'
  return { ms, wholeMs: ms, verdict, words: verdict === 'ready' ? 'ready' : textOf(ran, 1).trim() || last }
}
