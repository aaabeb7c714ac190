import type { Payload, ReleaseRequest } from '../target.ts'
import { sourceOf, type Context } from './places.ts'

/** What a release is for a process target: where its files come from, and how it is started. */
export interface ProcessPayload extends Payload {
  kind: 'process'
  body: {
    version: string
    /** `git:<commit>` or `content:<sha256>`, see `pinSource`. */
    source: string
    /** Path of the source inside the repository; empty for the whole of it. */
    path: string
    start: string
    env: Record<string, string>
    /** For an app that was there before this suite: what pm2 has to be told to start it. */
    adopted: Record<string, unknown> | null
  }
}

/** As everywhere in this suite, what the runbook says by name wins over the env-file. */
export function renderPayload(
  { spec, environment }: Context,
  { version, image, config }: ReleaseRequest,
): ProcessPayload {
  return {
    kind: 'process',
    objects: [`app ${spec.app} (${environment.name})`],
    body: {
      version,
      source: image,
      path: sourceOf(spec),
      start: spec.start,
      env: { ...config, ...spec.env },
      adopted: null,
    },
  }
}

export function asProcessPayload(payload: Payload): ProcessPayload {
  if (payload.kind !== 'process') throw new Error(`a payload for ${payload.kind} came to a process target`)
  return payload as ProcessPayload
}
