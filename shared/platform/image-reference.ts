import { InputError } from '../outcome/errors.ts'

/** An image reference, taken apart the way Docker does it. */
export interface ImageReference {
  /** Host and port of the registry; `docker.io` for short names. */
  registry: string
  /** `library/node`, `org/runbook-api` */
  repository: string
  /** Empty when there is none and a digest is. */
  tag: string
  /** `sha256:...`, or empty. */
  digest: string
  /** The reference named its registry: it was not completed to Docker Hub. */
  explicit: boolean
}

export const imageAccepted =
  'an image reference like registry.example.com/runbook-api:v1.2.3 or registry.example.com/runbook-api@sha256:...'

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const host = '(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9a-fA-F:]+\\])(?::\\d{1,5})?'
/** The grammar of github.com/distribution/reference, with SHA-256 digests only. */
const grammar = new RegExp(
  `^(?:(${host})/)?(${component}(?:/${component})*)(?::(\\w[\\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`,
)

/**
 * Takes a reference apart. A name without a registry is Docker Hub's, one without a tag or digest is `latest`.
 * @param where the input's name, for the error
 * @throws InputError for anything that Docker would not take either
 */
export function parseImage(where: string, reference: string): ImageReference {
  const match = grammar.exec(splitsAsHost(reference) ? reference : `docker.io/${reference}`)
  if (!match || reference.length > 512) throw InputError.of(where, reference, imageAccepted)
  const [, registry = '', path = '', tag = '', digest = ''] = match
  const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path
  return {
    registry: registry === 'index.docker.io' ? 'docker.io' : registry,
    repository,
    tag: tag || (digest ? '' : 'latest'),
    digest,
    explicit: splitsAsHost(reference),
  }
}

/** The first component is a host when it could not be a part of a path: it has a dot or a port, or is localhost. */
function splitsAsHost(reference: string): boolean {
  const slash = reference.indexOf('/')
  if (slash < 0) return false
  const first = reference.slice(0, slash)
  return /[.:[]/.test(first) || first === 'localhost' || first !== first.toLowerCase()
}

/** Registry and repository as they stand before `@` or `:`; Docker Hub's in their short form, as Docker shows them. */
export function nameOf({ registry, repository }: ImageReference): string {
  if (registry !== 'docker.io') return `${registry}/${repository}`
  return repository.replace(/^library\//, '')
}
