import { resolve } from 'node:path'
import type { KubernetesSpec } from '../../config/schema/schema.ts'
import { imagesOfRelease } from '../../targets/kubernetes/apply/released-image.ts'
import { readManifests } from '../environment/configuration.ts'

interface SecurityContext {
  runAsUser?: number
  runAsNonRoot?: boolean
}

interface Container {
  image?: string
  securityContext?: SecurityContext
}

interface Workload {
  kind?: string
  metadata?: { name?: string }
  spec?: { template?: { spec?: { securityContext?: SecurityContext; containers?: Container[] } } }
}

/** What the manifests make of an image's user, for each of its containers; undefined where they leave it as it is. */
export async function usersOf(
  { manifests, workload }: KubernetesSpec,
  root: string,
  image: string,
): Promise<(number | undefined)[]> {
  const [kind, name] = workload.split('/')
  const objects = (await readManifests(resolve(root, manifests))) as (Workload | null)[]
  const pod = objects.find(each => each?.kind?.toLowerCase() === kind && each?.metadata?.name === name)?.spec
    ?.template?.spec
  const all = pod?.containers ?? []
  const released = imagesOfRelease(
    all.map(each => each.image ?? ''),
    image,
  )
  const own = all.filter(each => released.has(each.image ?? ''))
  // A kustomization may name the image otherwise.
  return (own.length > 0 ? own : all).map(
    ({ securityContext }) => securityContext?.runAsUser ?? pod?.securityContext?.runAsUser,
  )
}
