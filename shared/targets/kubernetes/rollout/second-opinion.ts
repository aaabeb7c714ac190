import { ToolError } from '../../../outcome/errors.ts'
import { resolveImage } from '../../../integrations/registry/registry.ts'
import type { Place } from '../state/place.ts'
import type { Symptom } from './symptom.ts'

/** A registry that does not answer in this time is taken as one that says nothing. */
const registryMs = 4_000

/** A copy that reaches the registry late is there a moment later: it is asked twice before the node is believed. */
const lateCopyMs = 800

/** What was asked about things that a node did not find. */
export interface Answers {
  images: Map<string, 'there' | 'unknown'>
  arrived: Set<string>
}

/**
 * A node reports that something is not there: before that is believed, the registry or the API server is asked. A registry's
 * late copy has an image a moment later, and a ConfigMap may have been made that the node has not looked for again.
 */
export async function isBelied(place: Place, { image, object }: Symptom, answers: Answers): Promise<boolean> {
  if (image !== undefined && !answers.images.has(image)) return askRegistry(place, image, answers)
  if (object === undefined || answers.arrived.has(object)) return false
  return askCluster(place, object, answers)
}

async function askRegistry({ adapters }: Place, image: string, { images }: Answers): Promise<boolean> {
  const first = await lookUp(adapters, image)
  if (first === 'missing') await adapters.clock.sleep(lateCopyMs, adapters.signal)
  const answer = first === 'missing' ? await lookUp(adapters, image) : first
  if (answer === 'missing') return false
  images.set(image, answer)
  return true
}

async function lookUp(adapters: Place['adapters'], image: string): Promise<'there' | 'missing' | 'unknown'> {
  const late = AbortSignal.any([adapters.signal, AbortSignal.timeout(registryMs)])
  try {
    await resolveImage(image, { ...adapters, signal: late })
    return 'there'
  } catch (error) {
    adapters.signal.throwIfAborted()
    return error instanceof ToolError && error.code === 404 ? 'missing' : 'unknown'
  }
}

async function askCluster(
  { adapters, client, namespace }: Place,
  object: string,
  { arrived }: Answers,
): Promise<boolean> {
  try {
    if (!(await client.get(`/api/v1/namespaces/${namespace}/${object}`))) return false
  } catch {
    // An account that may not look has to believe the node.
    adapters.signal.throwIfAborted()
    return false
  }
  arrived.add(object)
  return true
}
