import { InputError, ToolError } from '../../../outcome/errors.ts'
import type { Done, Fence, Work } from '../apply/fence.ts'
import type { KubeObject } from '../manifests/objects.ts'

/** How long the API server may take to serve a kind after its definition was applied, milliseconds. */
const establishMs = 30_000
const pauseMs = 100

interface Condition {
  type: string
  status: string
  message?: string
}

/**
 * Waits until the definitions among what was applied are established.
 * @returns the definitions that are new or were changed
 */
export async function established(
  { client, paths, clock, signal }: Fence,
  applied: Done[],
): Promise<KubeObject[]> {
  const changed: KubeObject[] = []
  for (const { object, before, after } of applied) {
    if (object.kind !== 'CustomResourceDefinition' || !after) continue
    if (before?.metadata.generation !== after.metadata.generation) changed.push(object)
    for (let left = establishMs, now: KubeObject | undefined = after; ; left -= pauseMs) {
      const conditions = conditionsOf(now)
      if (conditions.get('Established')?.status === 'True') break
      const names = conditions.get('NamesAccepted')
      if (names?.status === 'False' || left <= 0) {
        throw new ToolError(
          `CustomResourceDefinition ${object.metadata.name} is not established: ${names?.message ?? 'its conditions say nothing'}`,
          {
            tool: 'Kubernetes API',
            hint: `Look at its conditions: kubectl describe crd ${object.metadata.name}.`,
          },
        )
      }
      await clock.sleep(pauseMs, signal)
      now = await client.get(await paths.of(object))
    }
  }
  return changed
}

function conditionsOf(object: KubeObject | undefined): Map<string, Condition> {
  // Before its controller has looked at a definition, they are null.
  const { conditions } = (object?.['status'] ?? {}) as { conditions?: Condition[] | null }
  return new Map((conditions ?? []).map(each => [each.type, each]))
}

/** Waits until the API says where the objects of new kinds are kept. */
export async function served({ paths, clock, signal }: Fence, works: Work[]): Promise<void> {
  for (const { object } of works) {
    for (let left = establishMs; ; left -= pauseMs) {
      const path = await paths.of(object).catch((error: unknown) => {
        if (error instanceof InputError && left > 0) return undefined
        throw error
      })
      if (path !== undefined) break
      await clock.sleep(pauseMs, signal)
    }
  }
}
