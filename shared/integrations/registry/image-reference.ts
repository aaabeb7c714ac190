import { InputError, quote } from '../../outcome/errors.ts'

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

const imageAccepted =
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
 * @throws InputError, with the reason, for anything that Docker would not take either
 */
export function parseImage(where: string, reference: string): ImageReference {
  if (reference === '') throw InputError.of(where, undefined, imageAccepted)
  const fault = referenceFault(reference)
  if (fault) throw faultError(where, reference, fault, imageAccepted)
  const [, registry = '', path = '', tag = '', digest = ''] = match(reference) ?? []
  const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path
  return {
    registry: registry === 'index.docker.io' ? 'docker.io' : registry,
    repository,
    tag: tag || (digest ? '' : 'latest'),
    digest,
    explicit: splitsAsHost(reference),
  }
}

/** What is wrong with an image reference, and what to write instead. Neither ends in a full stop. */
export interface ImageFault {
  /** Begins with a verb, as it follows the name of the input: `has capital letters in ...`. */
  fault: string
  remedy: string
}

/** Longest repository that Docker takes (`NameTotalLengthMax` of github.com/distribution/reference). */
const longestName = 255

/** Why Docker does not take a reference with an optional tag and digest; undefined when it does. */
export function referenceFault(reference: string): ImageFault | undefined {
  if (reference === '') return { fault: 'is empty', remedy: `Write ${imageAccepted}` }
  const spelling = spellingFault(reference)
  if (spelling) return spelling
  const { name, tag, digest } = split(reference)
  if (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest))
    return {
      fault: `has the digest ${quote(digest)}, which is not sha256: and 64 lower-case hexadecimal digits`,
      remedy: 'Copy the whole digest, as docker inspect or the registry shows it',
    }
  if (tag !== undefined && !/^\w[\w.-]{0,127}$/.test(tag))
    return {
      fault:
        tag === ''
          ? 'ends with a colon, and no tag follows it'
          : `has the tag ${quote(tag)}, which is not letters, digits, _, . and -, at most 128`,
      remedy: 'Write a tag like v1.2.3, or none',
    }
  return nameFault(name) ?? (match(reference) ? undefined : unknownFault(reference))
}

/**
 * Why a text is not the name of a repository that images are pushed to, like `ghcr.io/org/api`: what Docker does not take,
 * and also a tag or a digest, which the build chooses. Undefined when it is one.
 */
export function repositoryFault(name: string): ImageFault | undefined {
  if (name === '') return { fault: 'is empty', remedy: 'Write a repository like ghcr.io/org/api' }
  const spelling = spellingFault(name)
  if (spelling) return spelling
  const { name: bare, tag, digest } = split(name)
  if (digest !== undefined)
    return {
      fault: `has a digest (@${quote(digest)}), and the build is what makes one`,
      remedy: `Write ${bare}, without the digest`,
    }
  if (tag !== undefined)
    return {
      fault: `has a tag (:${quote(tag)}), and the version becomes the tag`,
      remedy: `Write ${bare}, without the tag`,
    }
  return nameFault(bare) ?? (match(name) ? undefined : unknownFault(name))
}

/**
 * Refuses a text that is not the name of a repository that images are pushed to.
 * @param where the input's name, for the error
 * @throws InputError with the reason, and what to write instead
 */
export function requireRepository(where: string, name: string): void {
  const accepted = 'a repository like ghcr.io/org/api, without a tag or a digest'
  if (name === '') throw InputError.of(where, undefined, accepted)
  const fault = repositoryFault(name)
  if (fault) throw faultError(where, name, fault, accepted)
}

function faultError(
  where: string,
  found: string,
  { fault, remedy }: ImageFault,
  accepted: string,
): InputError {
  return new InputError(`${where} is ${quote(found)}, which ${fault}; accepted: ${accepted}`, {
    hint: `${remedy}.`,
  })
}

/** What is wrong before the parts can be told apart. */
function spellingFault(text: string): ImageFault | undefined {
  if (/[\s\p{Cc}]/u.test(text)) {
    const ends = text.trim() === text ? 'in it' : 'at its beginning or end'
    return { fault: `has a blank ${ends}`, remedy: 'Remove the blank' }
  }
  const [scheme] = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text) ?? []
  if (scheme !== undefined)
    return {
      fault: `begins with the scheme ${scheme}, which is not a part of an image's name`,
      remedy: `Write ${text.slice(scheme.length)}, without ${scheme}`,
    }
  return undefined
}

/** Parts as they are written, whether or not they are right. The colon of a registry's port begins no tag. */
function split(text: string): { name: string; tag: string | undefined; digest: string | undefined } {
  const at = text.indexOf('@')
  const digest = at < 0 ? undefined : text.slice(at + 1)
  const front = at < 0 ? text : text.slice(0, at)
  const colon = front.lastIndexOf(':')
  if (colon <= front.lastIndexOf('/')) return { name: front, tag: undefined, digest }
  return { name: front.slice(0, colon), tag: front.slice(colon + 1), digest }
}

function nameFault(name: string): ImageFault | undefined {
  const path = splitsAsHost(name) ? name.slice(name.indexOf('/') + 1) : name
  const registry = name.slice(0, name.length - path.length - 1)
  // Docker takes a first part with capitals for a registry: what is meant is nearly always an owner's name.
  const meansOwner = registry !== '' && registry !== registry.toLowerCase() && !/[.:]/.test(registry)
  const small = meansOwner ? name : path
  if (small !== small.toLowerCase())
    return {
      fault: `has capital letters in its repository (${quote(small)}), and a repository has lower-case letters only`,
      remedy: `Write ${name.slice(0, name.length - small.length)}${small.toLowerCase()}`,
    }
  if (name.length > longestName)
    return {
      fault: `is ${name.length} characters long, and ${longestName} are the most`,
      remedy: 'Shorten it',
    }
  const odd = path.split('/').find(part => !new RegExp(`^${component}$`).test(part))
  if (odd === undefined) return undefined
  return {
    fault:
      odd === ''
        ? 'has an empty part before, after or between its slashes'
        : `has the part ${quote(odd)}, which is not lower-case letters and digits with single ., _, __ or - between them`,
    remedy: 'Write it as the registry shows it, like ghcr.io/org/api',
  }
}

function unknownFault(reference: string): ImageFault {
  const { name } = split(reference)
  return {
    fault: `has a registry that is not HOST or HOST:PORT (${quote(name.slice(0, Math.max(0, name.indexOf('/'))))})`,
    remedy: 'Write the registry like registry.example.com or localhost:5000',
  }
}

function match(reference: string): RegExpExecArray | null {
  const found = grammar.exec(splitsAsHost(reference) ? reference : `docker.io/${reference}`)
  return found?.[1] === undefined ? null : found
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
