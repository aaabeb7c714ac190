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
  main: (environment: Environment, inputs: Inputs<F>, ports: TargetPorts, call: Call) => Promise<Outcome>
  /** Runs when every step of the job has succeeded, with what `main` put out. */
  post?: (
    environment: Environment,
    outputs: Record<string, string>,
    ports: TargetPorts,
  ) => Promise<Outcome | undefined>
}

/** Lets an action keep the types of its own inputs, and be run without them. */
export function defineAction<F extends Fields>(action: Action<F>): Action<Fields> {
  return action as unknown as Action<Fields>
}
