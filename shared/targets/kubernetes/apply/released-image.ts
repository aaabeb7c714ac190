import { InputError, quote } from '../../../outcome/errors.ts'
import type { Container } from '../manifests/objects.ts'

/** How well the image of a container fits the one that is released; a higher `kind` wins, then more equal parts. */
interface Fit {
  image: string
  /** Without tag and digest. */
  repository: string
  /** 2: the same repository; 1: one of the two is the end of the other; 0: only their last parts are equal. */
  kind: 0 | 1 | 2
  /** Parts at the end of both that are equal. */
  parts: number
}

/**
 * The images of containers that stand for the image that is released. Manifests often name it without a registry, or with
 * that of another environment; so the last part of the repository has to be equal, and of several repositories with that
 * last part, only the nearest one is meant: `envoyproxy/proxy` beside `ghcr.io/org/proxy` is another image. A bare name,
 * without a tag, is a placeholder everywhere.
 * @returns empty when no image fits
 */
export function imagesOfRelease(images: string[], released: string): Set<string> {
  const fits = fitsOf(images, released)
  return new Set([...nearest(fits), ...fits.filter(isPlaceholder)].map(({ image }) => image))
}

/**
 * Sets the image of the containers that are to run the release; the others keep theirs.
 * @throws InputError when no container has the image, containers of two repositories fit it alike, or a bare
 *   name may also be an image of Docker Hub
 */
export function pinImage(containers: Container[], released: string, manifests: string): void {
  const images = containers.map(({ image }) => image)
  const all = fitsOf(images, released)
  const fits = nearest(all)
  const name = partsOf(released).at(-1) ?? ''
  if (fits.length === 0) {
    throw new InputError(
      `${manifests}: no container has the image ${name}, which is what is deployed; found: ${quote([...new Set(images)].join(', '))}`,
      {
        hint: `In ${manifests}, set the image of the container that is to run it to ${name}; or deploy an image that a container there has.`,
      },
    )
  }
  const repositories = [...new Set(fits.map(({ repository }) => repository))]
  if (repositories.length > 1) {
    throw new InputError(
      `${manifests}: containers have the images ${repositories.join(' and ')}, and either may be meant by ${quote(released)}, which is deployed`,
      {
        hint: `In ${manifests}, write the image of the container that is to run the release as ${partsOf(released).join('/')}.`,
      },
    )
  }
  const own = imagesOfRelease(images, released)
  const unclear = all.find(({ image }) => !own.has(image) && !image.includes('/'))
  if (unclear) {
    throw new InputError(
      `${manifests}: a container has the image ${unclear.image} and another ${repositories.join('')}; it is not certain that the first is ${quote(released)}, which is deployed`,
      {
        hint: `In ${manifests}, write ${repositories.join('')} where the release is meant, or docker.io/library/${unclear.image} where the image of Docker Hub is.`,
      },
    )
  }
  for (const container of containers) if (own.has(container.image)) container.image = released
}

function fitsOf(images: string[], released: string): Fit[] {
  return images.map(image => fitOf(image, released)).filter(fit => fit !== undefined)
}

/** A name without registry, owner, tag and digest. */
function isPlaceholder({ image }: Fit): boolean {
  return !/[/:@]/.test(image)
}

function nearest(fits: Fit[]): Fit[] {
  const rank = ({ kind, parts }: Fit) => kind * 1_000 + parts
  const best = Math.max(...fits.map(rank))
  return fits.filter(fit => rank(fit) === best)
}

function fitOf(image: string, released: string): Fit | undefined {
  const [found, wanted] = [partsOf(image), partsOf(released)]
  const [a, b] = [found.toReversed(), wanted.toReversed()]
  const shorter = Math.min(a.length, b.length)
  const unequal = a.slice(0, shorter).findIndex((part, index) => part !== b[index])
  const parts = unequal < 0 ? shorter : unequal
  if (parts === 0) return undefined
  const isEnd = parts === shorter
  const kind = !isEnd ? 0 : a.length === b.length ? 2 : 1
  return { image, repository: found.join('/'), kind, parts }
}

/**
 * `[registry:5000, team, runbook-api]` of `registry:5000/team/runbook-api:v1@sha256:...`; `docker.io/library/` in front of a
 * name says what its short form says.
 */
function partsOf(image: string): string[] {
  const [name = ''] = image.split('@')
  return name
    .replace(/:[^/:]*$/, '')
    .replace(/^(index\.)?docker\.io\/(library\/)?/, '')
    .split('/')
}
