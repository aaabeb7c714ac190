import { cutMiddle } from '../../../outcome/cut.ts'
import type { PodTemplate } from '../manifests/objects.ts'

/** Something that keeps a pod from becoming ready. */
export interface Symptom {
  /** Stable kebab-case class. */
  class: string
  /** Empty when it is about the workload as a whole. */
  pod: string
  /** Empty when it is about the pod as a whole. */
  container: string
  /** One sentence. */
  message: string
  /** Milliseconds that it may last before nothing but a new release helps; Infinity: waiting may help for ever. */
  graceMs: number
  /** The image that is said to be missing: its registry may be asked. */
  image?: string
  /** The object that is said to be missing, `configmaps/name`: the API may be asked. */
  object?: string
  /** How far the pod is, where trouble that goes on into the next stage is counted anew. */
  stage?: string
}

/** Whether the cluster may start further nodes by itself; `perhaps`: this account may not look. */
export type Growth = 'no' | 'perhaps' | 'yes'

/** What a pod is judged by beside its own status. */
export interface Known {
  template: PodTemplate
  growth: Growth
  /** What the registry said of images that a node did not find; `unknown` when it did not tell. */
  images: ReadonlyMap<string, 'there' | 'unknown'>
  /** Objects that a node did not find and that are there by now, as `configmaps/name`. */
  arrived: ReadonlySet<string>
  /** How long the slowest of the workload's pods took that became ready, milliseconds. */
  usualMs: number | undefined
  /** Something else counts how often its containers may fail: a Job. */
  retried: boolean
}

/** One line of at most 300 characters: the kubelet's messages name the image first and the cause last. */
export function shorten(text: string): string {
  return cutMiddle(text.replace(/\s+/g, ' ').trim(), 300, 100, 195, ' ... ')
}

/** The ConfigMap or Secret that a node says is not there, `configmaps/name`. */
export function missingObject(said: string): string | undefined {
  const [, kind, name] = /\b(configmap|secret) "([^"]+)" not found/.exec(said) ?? []
  return kind && name ? `${kind}s/${name}` : undefined
}
