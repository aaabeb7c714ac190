import { resolve } from 'node:path'
import type { KubernetesSpec } from '../runbook/schema.ts'
import { readManifests } from './configuration.ts'

interface SecurityContext {
  runAsUser?: number
  runAsNonRoot?: boolean
}

interface Workload {
  kind?: string
  metadata?: { name?: string }
  spec?: {
    template?: {
      spec?: { securityContext?: SecurityContext; containers?: { securityContext?: SecurityContext }[] }
    }
  }
}

/** What the manifests themselves make of an image's user: `user 1000`; undefined when they leave it as it is. */
export async function runsAsOf(
  { manifests, workload }: KubernetesSpec,
  root: string,
): Promise<string | undefined> {
  const [kind, name] = workload.split('/')
  const objects = (await readManifests(resolve(root, manifests))) as (Workload | null)[]
  const pod = objects.find(each => each?.kind?.toLowerCase() === kind && each?.metadata?.name === name)?.spec
    ?.template?.spec
  const users = (pod?.containers ?? []).map(
    ({ securityContext: own }) => own?.runAsUser ?? pod?.securityContext?.runAsUser,
  )
  const [first] = users
  return first !== undefined && users.every(user => user !== undefined && user > 0)
    ? `user ${first}`
    : undefined
}
