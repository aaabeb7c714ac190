import { readLogin } from '../../../integrations/registry/docker-config.ts'
import { parseImage } from '../../../integrations/registry/image-reference.ts'
import { ToolError } from '../../../outcome/errors.ts'
import { refusal } from './engine.ts'
import type { Context } from './context.ts'

/** An image as the engine has it. */
export interface LocalImage {
  Id: string
  RepoTags: string[] | null
  RepoDigests: string[] | null
  Size: number
  Config: {
    [key: string]: unknown
    Labels: Record<string, string> | null
    Healthcheck?: { Test?: string[] }
    /** Paths that the image declares as volumes. */
    Volumes?: Record<string, object> | null
  } | null
}

/** A pull is given up when nothing came for this long: layers may take their time between two lines of progress. */
const pullIdleMs = 180_000

/** @param image reference, digest or id */
export async function inspectImage({ engine }: Context, image: string): Promise<LocalImage | undefined> {
  const path = `/images/${image}/json`
  const { status, body } = await engine.call('GET', path)
  if (status === 404) return undefined
  if (status >= 400) throw refusal('GET', path, status, body)
  return JSON.parse(body.toString('utf8')) as LocalImage
}

/**
 * Sees to it that the engine has an image, by its registry's digest when it has to be pulled.
 * @throws ToolError when it cannot be had
 */
export async function ensureImage(context: Context, image: string): Promise<LocalImage> {
  const there = await inspectImage(context, image)
  if (there) return there
  if (/^(sha256:)?[0-9a-f]{64}$/.test(image)) throw goneForGood(context, image)
  context.adapters.log.info(`Pulling ${image}.`)
  await pull(context, image)
  const pulled = await inspectImage(context, image)
  if (pulled) return pulled
  throw new ToolError(`${image} was pulled, and is not there`, {
    tool: 'Docker engine',
    hint: 'Look whether something on that host removes images, then try again.',
  })
}

/** An image that was built on the host and removed from it, as a prune does once no container is of it. */
export function goneForGood({ engine }: Context, image: string): ToolError {
  return new ToolError(`the image ${image.slice(0, 19)}... is not on ${engine.place} any more`, {
    tool: 'Docker engine',
    code: 404,
    reason: 'image-not-found',
    hint: 'It was in no registry: build it again on that host, and deploy that version again.',
  })
}

async function pull({ engine, adapters }: Context, image: string): Promise<void> {
  const { registry } = parseImage('image', image)
  const login = await readLogin(registry, adapters)
  let rest = ''
  let failed = ''
  await engine.json('POST', '/images/create', {
    query: { fromImage: image },
    idleMs: pullIdleMs,
    headers: login ? { 'x-registry-auth': authOf(registry, login) } : {},
    onData: chunk => {
      const lines = (rest + chunk.toString('utf8')).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) failed = errorIn(line) || failed
    },
  })
  failed = errorIn(rest) || failed
  if (failed === '') return
  const denied = /denied|unauthorized|authentication required/i.test(failed)
  throw new ToolError(`${image} cannot be pulled: ${failed}`, {
    tool: 'Docker engine',
    code: denied ? 403 : 404,
    reason: 'image-not-found',
    hint: denied
      ? `Log in before this step: docker login ${registry}, as a user who may pull it.`
      : `Check that ${registry} has the image, and that the Docker host reaches that registry.`,
  })
}

function authOf(
  registry: string,
  login: { username: string; password: string; identityToken: string },
): string {
  const said = login.identityToken
    ? { identitytoken: login.identityToken }
    : { username: login.username, password: login.password }
  const serveraddress = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry
  return Buffer.from(JSON.stringify({ ...said, serveraddress })).toString('base64url')
}

function errorIn(line: string): string {
  if (!line.includes('"error"')) return ''
  try {
    return (JSON.parse(line) as { error?: string }).error ?? ''
  } catch {
    return ''
  }
}
