import { InputError } from '../../../outcome/errors.ts'
import { describe, podTemplate, type KubeObject } from '../manifests/objects.ts'

/**
 * A Service whose pods go with a workload that leaves the manifests: while the old pods are there, every probe of the new
 * release is answered by them.
 * @param objects of the release
 * @param leaving objects of the release before that this one has no more
 * @throws InputError that names the Service, its selector, and the workload that its pods are of
 */
export function refuseOrphans(objects: KubeObject[], leaving: KubeObject[]): void {
  for (const service of objects.filter(({ kind }) => kind === 'Service')) {
    const selector = service.spec?.['selector'] as Record<string, string> | undefined
    if (!selector || Object.keys(selector).length === 0) continue
    const selects = (object: KubeObject) => {
      const labels = podTemplate(object)?.metadata?.labels
      return labels !== undefined && Object.entries(selector).every(([key, value]) => labels[key] === value)
    }
    if (objects.some(selects)) continue
    const gone = leaving.find(selects)
    if (!gone) continue
    const said = Object.entries(selector).map(([key, value]) => `${key}=${value}`)
    throw new InputError(
      `manifests: ${describe(service)} selects ${said.join(',')}, which no pod of the release bears; those of ${describe(gone)} do, and that has left the manifests`,
      { hint: 'Let the Service select the labels of the new pods, or keep the old labels on them.' },
    )
  }
}
