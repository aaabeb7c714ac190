import type { Payload, ReleaseRequest } from '../target.ts'
import type { Context } from './places.ts'
import type { Install, Project } from './source/project.ts'

/** What a release is for a process target: where its files come from, and how it is started. */
export interface ProcessPayload extends Payload {
  kind: 'process'
  body: {
    version: string
    /** `git:<commit>` or `content:<sha256>`, see `pinSource`. */
    source: string
    /** The folder of the repository that the release holds; empty for the whole of it. */
    path: string
    /** Where the source is in that folder, and the app is started; empty for the folder itself. */
    within: string
    /** Undefined when nothing is installed into it. */
    install?: Install
    start: string
    env: Record<string, string>
    /** For an app that was there before this suite: what pm2 has to be told to start it. */
    adopted: Record<string, unknown> | null
  }
}

/** As everywhere in this suite, what the runbook says by name wins over the env-file. */
export function renderPayload(
  { spec, environment }: Context,
  { exported, within, install }: Project,
  { version, image, config }: ReleaseRequest,
): ProcessPayload {
  return {
    kind: 'process',
    objects: [`app ${spec.app} (${environment.name})`],
    body: {
      version,
      source: image,
      path: exported,
      within,
      ...(install ? { install } : {}),
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
