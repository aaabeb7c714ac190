import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { requireAttested } from '../../../shared/attestation/verify.ts'
import { systemExec as exec } from '../../../shared/host/exec.ts'
import type { AttestationRule } from '../../../shared/config/schema/attestation-rule.ts'

export const digestOf = (bytes: string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** A registry that keeps one image, and what a test lets refer to it. */
export interface Stage {
  host: string
  /** Of the image. */
  digest: string
  /** By digest: manifests and blobs. */
  contents: Map<string, string>
  /** By tag: manifests. */
  tags: Map<string, string>
  /** The answer of the referrers API; undefined: the registry has none. */
  referrers: string | undefined
  /** Keeps a bundle as a referrer. @returns its entry in the list of referrers */
  keep(bundle: string): { digest: string; size: number; artifactType: string }
  /** Answers the referrers API with these entries. */
  list(...entries: object[]): void
  attested(rule: AttestationRule, root?: string): Promise<string>
  close(): void
}

const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json'

export async function openStage(): Promise<Stage> {
  const image = '{"schemaVersion":2,"config":{}}'
  const server = createServer(({ url = '' }, response) => {
    const [, kind = '', name = ''] = /^\/v2\/api\/(referrers|manifests|blobs)\/(.+)$/.exec(url) ?? []
    const text = kind === 'referrers' ? stage.referrers : (stage.tags.get(name) ?? stage.contents.get(name))
    response.writeHead(text === undefined ? 404 : 200).end(text)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const stage: Stage = {
    host,
    digest: digestOf(image),
    contents: new Map([[digestOf(image), image]]),
    tags: new Map(),
    referrers: undefined,
    keep(bundle) {
      const layer = { mediaType: bundleType, digest: digestOf(bundle), size: Buffer.byteLength(bundle) }
      const manifest = JSON.stringify({ schemaVersion: 2, layers: [layer] })
      stage.contents.set(layer.digest, bundle).set(digestOf(manifest), manifest)
      return { digest: digestOf(manifest), size: Buffer.byteLength(manifest), artifactType: bundleType }
    },
    list(...manifests) {
      stage.referrers = JSON.stringify({ schemaVersion: 2, manifests })
    },
    attested: (rule, root = '/nowhere') =>
      requireAttested(rule, root, `${host}/api@${stage.digest}`, {
        env: {},
        exec,
        signal: new AbortController().signal,
      }),
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
  return stage
}
