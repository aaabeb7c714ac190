import { podTemplate, stamps, type KubeObject } from './manifests/objects.ts'

/** The object as it rests. How many replicas it had is written on it, for those whose manifests do not say. */
export function asleep(object: KubeObject, live: KubeObject): KubeObject {
  const { metadata, spec } = object
  if (object.kind === 'CronJob') return { ...object, spec: { ...spec, suspend: true } }
  const before = live.metadata.annotations?.[stamps.stopped] ?? String(Number(live.spec?.['replicas'] ?? 1))
  const marked = { ...metadata, annotations: { ...metadata.annotations, [stamps.stopped]: before } }
  const template = podTemplate(object)
  if (object.kind !== 'DaemonSet' || !template)
    return { ...object, metadata: marked, spec: { ...spec, ...keepClaims(live), replicas: 0 } }
  const nodeSelector = { ...template.spec.nodeSelector, [stamps.stopped]: 'true' }
  const nowhere = { ...template, spec: { ...template.spec, nodeSelector } }
  return { ...object, metadata: marked, spec: { ...spec, template: nowhere } }
}

/**
 * An object that was stopped starts as the manifest says; where that says no number, or an autoscaler has the last word,
 * with as many replicas as it had.
 */
export function awake(manifest: KubeObject, live: KubeObject | undefined): KubeObject {
  const before = live?.metadata.annotations?.[stamps.stopped]
  if (before === undefined || manifest.kind === 'DaemonSet' || manifest.spec?.['replicas'] !== undefined)
    return manifest
  return { ...manifest, spec: { ...manifest.spec, replicas: Number(before) } }
}

/** A StatefulSet that deletes the claims of pods that are scaled away would lose all its data while it is stopped. */
function keepClaims({ kind, spec }: KubeObject): object {
  const policy = spec?.['persistentVolumeClaimRetentionPolicy'] as { whenScaled?: string } | undefined
  if (kind !== 'StatefulSet' || policy?.whenScaled !== 'Delete') return {}
  return { persistentVolumeClaimRetentionPolicy: { ...policy, whenScaled: 'Retain' } }
}
