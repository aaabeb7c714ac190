import { ApiError } from '../api/api-error.ts'
import type { Client } from '../api/client.ts'
import type { KubeObject } from './objects.ts'
import type { Paths } from '../api/resources.ts'

/** From so many objects of one kind on, one list of them all is cheaper than a question for each. */
const listFrom = 20

/**
 * Reads the objects of which there are many, kind by kind, with one list each.
 * @returns what is live of every object that was among those, undefined for one that is not there; few objects of a
 * kind, and kinds that may not be listed, are left to be asked for one by one
 */
export async function readListed(
  { client, paths }: { client: Client; paths: Paths },
  objects: KubeObject[],
): Promise<Map<KubeObject, KubeObject | undefined>> {
  const found = new Map<KubeObject, KubeObject | undefined>()
  if (objects.length < listFrom) return found
  const collections = new Map<string, KubeObject[]>()
  for (const object of objects) {
    // A kind that is not there yet has no path.
    const path = await paths.of(object).catch(() => undefined)
    const collection = path?.slice(0, path.lastIndexOf('/'))
    if (collection === undefined) continue
    const same = collections.get(collection)
    if (same) same.push(object)
    else collections.set(collection, [object])
  }
  await Promise.all(
    [...collections].map(async ([collection, wanted]) => {
      if (wanted.length < listFrom) return
      const items = await listed(client, collection)
      if (!items) return
      for (const object of wanted) {
        const item = items.get(object.metadata.name)
        // Items of a list carry no kind of their own.
        found.set(object, item && { ...item, apiVersion: object.apiVersion, kind: object.kind })
      }
    }),
  )
  return found
}

async function listed(client: Client, collection: string): Promise<Map<string, KubeObject> | undefined> {
  try {
    const { items } = await client.list(collection)
    return new Map(items.map(item => [item.metadata.name, item]))
  } catch (error) {
    if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return undefined
    throw error
  }
}
