import { secretsAmong } from '../../../config/env-file/env-file.ts'
import { inlineSecrets } from '../../../config/inline-secrets.ts'
import type { Secrets } from '../../../host/secrets/secrets.ts'
import type { Client } from '../api/client.ts'
import { contentOf } from '../inspect/diff.ts'
import { leavesOf, secretsIn } from '../ownership/hidden.ts'
import type { KubeObject } from '../manifests/objects.ts'
import type { RecordStore } from './records.ts'

/** Shorter values of a Secret are words like `true` or `info`: to hide those would hide half of what is said. */
const secretLength = 8
/** Collections whose objects hold secrets, in their data or in their pods' variables, with the kind of their items. */
const kinds: Record<string, string> = {
  secrets: 'Secret',
  configmaps: 'ConfigMap',
  deployments: 'Deployment',
  statefulsets: 'StatefulSet',
  daemonsets: 'DaemonSet',
  jobs: 'Job',
  cronjobs: 'CronJob',
}

/** From now on the secrets of these objects are not shown, whatever pods write into their logs. */
export type KeepSecret = (objects: KubeObject[]) => void

/** @param known words that stand in every line anyway: `production` is no secret, although NODE_ENV is among them */
export function createKeepSecret(secrets: Secrets, known: string[]): KeepSecret {
  return objects => {
    for (const object of objects)
      for (const value of secretsOfObject(object)) if (!known.includes(value)) secrets.add(value)
  }
}

/** Every value of an object that must not be shown. */
export function secretsOfObject(object: KubeObject): string[] {
  if (object.kind === 'Secret') return dataOf(object)
  const content = contentOf(object)
  const isSecret = secretsIn(object.kind, content)
  return [...leavesOf(content)].flatMap(({ path, value }) => {
    if (typeof value !== 'string' || path[0] === 'binaryData') return []
    // Its name alone makes a file no secret from end to end: every line of it would be hidden everywhere.
    return isSecret(path) ? secretsAmong({ SECRET: value }) : inlineSecrets(value)
  })
}

/** The releases' own records are Secrets, too: what is in them is told when they are read. */
function dataOf(object: KubeObject): string[] {
  if (object['type'] === 'runbook/release') return []
  return Object.values((object['data'] ?? {}) as Record<string, string | null>)
    .filter(encoded => encoded !== null)
    .map(encoded => Buffer.from(encoded, 'base64').toString('utf8'))
    .flatMap(value => (value.length >= secretLength ? [value, ...inlineSecrets(value)] : []))
}

/** A client that keeps secret what is read through it: what is live may hold other passwords than any release. */
export function keepingClient(client: Client, keepSecret: KeepSecret): Client {
  const kept = (object: KubeObject) => {
    // What the API says of itself, its kinds for example, is no object that a user wrote.
    if ('metadata' in object) keepSecret([object])
    return object
  }
  return {
    ...client,
    async get(path) {
      const object = await client.get(path)
      return object && kept(object)
    },
    async list(path, query) {
      const page = await client.list(path, query)
      const kind = kinds[path.slice(path.lastIndexOf('/') + 1)]
      // Items of a list carry no kind of their own.
      if (kind !== undefined) keepSecret(page.items.map(item => ({ ...item, kind })))
      return page
    },
    patch: async (path, type, patch, query) => kept(await client.patch(path, type, patch, query)),
  }
}

/** Records that keep secret what was released: a release that is brought back has passwords of its own. */
export function keepingRecords(records: RecordStore, keepSecret: KeepSecret): RecordStore {
  return {
    ...records,
    async load(id, slots) {
      const record = await records.load(id, slots)
      if (record) keepSecret(record.body.manifests)
      return record
    },
  }
}
