import { InputError } from '../../../outcome/errors.ts'
import { compareVersions, parseVersion } from '../../../config/version.ts'
import { describe, groupOf, stamps, type KubeObject } from '../manifests/objects.ts'

/** True for a Job that the manifests mark: it runs before the workload is touched, once a release. */
export function isMigration(object: KubeObject): boolean {
  return isJob(object) && object.metadata.annotations?.[stamps.migration] === 'true'
}

/**
 * Refuses marks that would do nothing, or something else than was meant.
 * @throws InputError
 */
export function checkMarks(objects: KubeObject[], manifests: string): void {
  for (const object of objects) {
    const said = object.metadata.annotations ?? {}
    const where = `manifests: in ${manifests}, the annotation`
    const mark = said[stamps.migration]
    if (mark !== undefined && !(isJob(object) && (mark === 'true' || mark === 'false'))) {
      const of = `${where} ${stamps.migration} of ${describe(object)}`
      throw InputError.of(of, mark, "'true', on a Job of batch/v1")
    }
    const needs = said[stamps.schemaNeeds]
    if (needs !== undefined) parseVersion(`${where} ${stamps.schemaNeeds} of ${describe(object)}`, needs)
  }
}

/** The newest of the versions that a release's objects say the schema needs; undefined when none does. */
export function schemaNeeds(manifests: KubeObject[]): string | undefined {
  return manifests
    .map(({ metadata }) => metadata.annotations?.[stamps.schemaNeeds])
    .filter(version => version !== undefined)
    .toSorted(compareVersions)
    .at(-1)
}

function isJob({ apiVersion, kind }: KubeObject): boolean {
  return groupOf(apiVersion) === 'batch' && kind === 'Job'
}
