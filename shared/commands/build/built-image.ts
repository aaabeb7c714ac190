import type { Conclusion } from '../../outcome/outcome.ts'
import { parseImage } from '../../integrations/registry/image-reference.ts'

/** Label of an image with the commit that it was built from (github.com/opencontainers/image-spec, annotations.md). */
export const revisionLabel = 'org.opencontainers.image.revision'

/**
 * Whether the image of an earlier run may be taken for this one.
 * @param tagged with its tag, for messages
 * @param revision what its label says
 * @param sha the commit that is released
 * @returns undefined when it was built from the same commit
 */
export function builtFrom(tagged: string, revision: string, sha: string): Conclusion | undefined {
  if (revision === sha && sha !== '') return undefined
  const from = /^[0-9a-f]{40,64}$/.test(revision)
    ? `from commit ${revision}`
    : `without the label ${revisionLabel}`
  return {
    status: 'failure',
    reason: 'version-moved',
    summary: `The registry has ${tagged} already, and it was built ${from}, not from ${sha}.`,
    next: 'A version is one image: release this commit under a new version. To build it anew, delete the tag in the registry first.',
  }
}

/**
 * The digest of a repository among those that an engine lists for an image, which may have been pushed to several.
 * @param listed JSON, as `docker image inspect --format '{{json .RepoDigests}}'` prints it
 * @param repository as the user wrote it; Docker Hub's own names are listed without their host
 */
export function digestIn(listed: string, repository: string): string | undefined {
  const digests = JSON.parse(listed) as unknown
  const wanted = nameIn(repository)
  const found = (Array.isArray(digests) ? digests : []).filter(each => typeof each === 'string')
  return found.map(each => each.split('@')).find(([name = '']) => nameIn(name) === wanted)?.[1]
}

function nameIn(repository: string): string {
  const image = parseImage('image', repository)
  return `${image.registry}/${image.repository}`
}
