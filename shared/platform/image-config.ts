import { ToolError } from '../outcome/errors.ts'
import type { LoginSource } from './docker-config.ts'
import { openHttp, type HttpAnswer } from './http.ts'
import { parseImage } from './image-reference.ts'
import { connectRegistry, refusal } from './registry.ts'

/** What an image says of itself (https://github.com/opencontainers/image-spec/blob/main/config.md). */
export interface ImageConfig {
  /** `USER` of its Dockerfile; empty is root. */
  user: string
  /** `linux/amd64` */
  platform: string
  /** Container paths that its Dockerfile declares with `VOLUME`. */
  volumes: string[]
}

interface Manifest {
  manifests?: { digest: string; platform?: { os?: string; architecture?: string } }[]
  config?: { digest: string }
}

interface Config {
  config?: { User?: string; Volumes?: Record<string, object> | null }
  os?: string
  architecture?: string
}

/**
 * Reads an image's configuration from its registry; of an image for several platforms, that of Linux on amd64.
 * @throws InputError when it is no image reference
 * @throws ToolError when the registry cannot be asked, or has no such image
 */
export async function readImageConfig(reference: string, source: LoginSource): Promise<ImageConfig> {
  const image = parseImage('image', reference)
  const http = openHttp('fresh')
  try {
    const ask = await connectRegistry(http, image, source)
    const read = async (path: string): Promise<unknown> => {
      const answer = await ask('GET', path)
      if (answer.status !== 200 || answer.truncated) throw refusal(image, answer)
      return parse(answer)
    }
    let manifest = (await read(`manifests/${image.digest || image.tag}`)) as Manifest
    if (manifest.manifests) {
      const [first] = manifest.manifests
      const usual = manifest.manifests.find(
        ({ platform }) => platform?.os === 'linux' && platform.architecture === 'amd64',
      )
      manifest = (await read(`manifests/${(usual ?? first)?.digest ?? ''}`)) as Manifest
    }
    const { config, os, architecture } = (await read(`blobs/${manifest.config?.digest ?? ''}`)) as Config
    return {
      user: config?.User ?? '',
      platform: `${os ?? ''}/${architecture ?? ''}`,
      volumes: Object.keys(config?.Volumes ?? {}),
    }
  } finally {
    http.close()
  }
}

function parse({ url, body }: HttpAnswer): unknown {
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw new ToolError(`${new URL(url).host} answered with something that is no JSON`, {
      tool: 'registry',
      hint: 'Check that the reference names a container image.',
      cause,
    })
  }
}
