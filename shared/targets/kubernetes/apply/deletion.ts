import { ToolError } from '../../../outcome/errors.ts'
import type { Clock } from '../../../host/clock.ts'
import type { Client } from '../api/client.ts'
import { describe, type KubeObject } from '../manifests/objects.ts'

/** How often it is looked whether an object is gone, milliseconds. */
const lookEveryMs = 500

/**
 * True when an object was deleted and only waits for its finalizers: whatever is written to it goes with it. It counts as
 * not there.
 */
export function isBeingDeleted({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined
}

/** `is being deleted since 2026-01-01T00:00:00Z, and waits for its finalizer x/y` */
export function describeDeletion({ metadata }: KubeObject): string {
  const { finalizers = [], deletionTimestamp = '' } = metadata as {
    finalizers?: string[]
    deletionTimestamp?: string
  }
  const since = `is being deleted since ${deletionTimestamp}`
  if (finalizers.length === 0) return since
  return `${since}, and waits for its finalizer${finalizers.length > 1 ? 's' : ''} ${finalizers.join(', ')}`
}

export interface Deletion {
  client: Client
  clock: Clock
  signal: AbortSignal
  /** Receives one line when there is something to wait for. */
  tell: (line: string) => void
}

/**
 * Waits until an object that is being deleted is gone.
 * @param live the object as it was read
 * @param waitMs at most this many milliseconds
 * @returns the object that has taken its place, or undefined
 * @throws ToolError that names the object and its finalizers when it is still there
 */
export async function awaitDeletion(
  { client, clock, signal, tell }: Deletion,
  path: string,
  live: KubeObject,
  waitMs: number,
): Promise<KubeObject | undefined> {
  const giveUp = clock.elapsed() + waitMs
  tell(`${describe(live)} ${describeDeletion(live)}: waiting until it is gone.`)
  for (let now: KubeObject | undefined = live; ;) {
    if (!now || now.metadata.uid !== live.metadata.uid) return now
    if (clock.elapsed() >= giveUp) throw stillThere(now)
    await clock.sleep(lookEveryMs, signal)
    now = await client.get(path)
  }
}

function stillThere(object: KubeObject): ToolError {
  return new ToolError(`${describe(object)} ${describeDeletion(object)}`, {
    tool: 'Kubernetes API',
    reason: 'being-deleted',
    hint: `Wait until it is gone, or find out why its finalizers are not removed (kubectl describe ${object.kind.toLowerCase()} ${object.metadata.name}); then run this again. Or take it out of the manifests.`,
  })
}
