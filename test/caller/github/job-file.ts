import { conditionOf, inline, inlineExpression, type Contexts } from './expressions.ts'
import type { Job, Step, Workflow } from './workflow.ts'

/**
 * The workflow file that a runner gets for one job: that job alone. What GitHub decides itself is gone from it (needs, if, matrix,
 * permissions, environment), and what it knows (inputs, needs, matrix, vars) is written into the expressions.
 */
export function jobFile(
  { env, defaults }: Workflow,
  /** Name of the workflow that started the run: called ones have no name of their own. */
  name: string,
  id: string,
  job: Job,
  contexts: Contexts,
): Record<string, unknown> {
  const {
    needs: _needs,
    if: _if,
    permissions: _permissions,
    environment: _environment,
    strategy: _strategy,
    outputs: _outputs,
    name: _name,
    steps = [],
    ...rest
  } = job
  return {
    name,
    on: { push: null, workflow_dispatch: null, schedule: [{ cron: '0 0 * * *' }] },
    ...(env === undefined ? {} : { env: inline(env, contexts) }),
    ...(defaults === undefined ? {} : { defaults: inline(defaults, contexts) }),
    jobs: {
      [id]: {
        ...(inline(rest, contexts) as object),
        'runs-on': 'ubuntu-latest',
        steps: steps.map(step => inlineStep(step, contexts)),
      },
    },
  }
}

function inlineStep({ if: condition, ...step }: Step, contexts: Contexts): unknown {
  const rest = inline(step, contexts) as object
  if (typeof condition !== 'string') return { ...(condition === undefined ? {} : { if: condition }), ...rest }
  return { if: inlineExpression(conditionOf(condition), contexts), ...rest }
}
