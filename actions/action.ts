import type { Interruption } from '../shared/outcome/interruption.ts'
import type { Outcome } from '../shared/outcome/outcome.ts'
import type { Environment } from '../shared/config/environment.ts'
import type { Fields, Inputs, Outputs } from '../shared/commands/step/inputs.ts'
import type { TargetPorts } from '../shared/commands/step/ports.ts'

/** For an action that is made of several steps. */
export interface Call {
  /** The text of an input, empty when it is not given. */
  read: (name: string) => string
  /** Shows the end of a step that is not the last. */
  report: (outcome: Outcome) => Promise<void>
}

/** One action: what it reads and puts out, and the step that it is an entry to. Its action.yml is made from this. */
export interface Action<F extends Fields> {
  /** For action.yml and the Marketplace: one sentence. */
  description: string
  fields: F
  /** Beside the common ones. */
  outputs: Outputs
  /** Milliseconds after which it is ended; without it, its parts heed their own timeouts. */
  timeoutMs?: (inputs: Inputs<F>) => number
  /**
   * Whose Docker engine it takes. Default: that of the environment, which must have one. `when-given`: it needs none, and only
   * refuses an environment without one where the job gives it a DOCKER_HOST, also an empty one: before a release is built, its
   * first job finds out that way. `of-machine`: that of the runner.
   */
  engine?: 'when-given' | 'of-machine'
  main: (environment: Environment, inputs: Inputs<F>, ports: TargetPorts, call: Call) => Promise<Outcome>
  /** What the job has to report although the step did what it is for; an error fails the job. */
  alarm?: (outcome: Outcome, inputs: Inputs<F>) => Alarm | undefined
  post?: PostStep
}

/** An annotation of the job. */
export interface Alarm {
  level: 'error' | 'warning'
  /** One or more sentences. */
  message: string
}

/** What an action does when its job is at its end; `condition` is the `post-if` of its action.yml. */
export type PostStep =
  /** Runs when every step of the job has succeeded, with what `main` put out. */
  | {
      condition: 'success()'
      run: (
        environment: Environment,
        outputs: Record<string, string>,
        ports: TargetPorts,
      ) => Promise<Outcome | undefined>
    }
  /** Runs in any case, when `main` began and did not come to its end. */
  | {
      condition: 'always()'
      run: (
        environment: Environment,
        read: Call['read'],
        interruption: Interruption,
        ports: TargetPorts,
      ) => Promise<Outcome>
    }

/** Lets an action keep the types of its own inputs, and be run without them. */
export function defineAction<F extends Fields>(action: Action<F>): Action<Fields> {
  return action as unknown as Action<Fields>
}
