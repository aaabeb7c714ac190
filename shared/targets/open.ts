import type { Environment } from '../config/environment.ts'
import type { Target } from './target.ts'
import type { Adapters } from './adapters.ts'

/** Opens the target of an environment; only the adapter that is needed is loaded. */
export async function openTarget(environment: Environment, adapters: Adapters): Promise<Target> {
  switch (environment.target.kind) {
    case 'kubernetes': {
      const { openKubernetes } = await import('./kubernetes/open.ts')
      return openKubernetes(environment, environment.target, adapters)
    }
    case 'docker': {
      const { openDocker } = await import('./docker/open.ts')
      return openDocker(environment, environment.target, adapters)
    }
    case 'process': {
      const { openProcess } = await import('./process/open.ts')
      return openProcess(environment, environment.target, adapters)
    }
  }
}
