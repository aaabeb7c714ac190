import { objectsOf } from '../apply/apply.ts'
import type { EnvironmentState } from './lease-store.ts'
import { spareMigrations } from '../migrate/migrate.ts'
import { tracesOf } from '../migrate/migrations.ts'
import { stamps, type KubeObject } from '../manifests/objects.ts'
import { leftOut } from '../apply/prune.ts'
import type { Place } from './place.ts'

/** Releases whose creations may still be under way: a connection gives up after minutes, in which no more can be made. */
const tidied = 5

/** Objects that a release which is bad or withdrawn created when the environment was no longer its own. */
export async function findStrays(
  place: Place,
  { ledger: { entries, serving }, slots }: EnvironmentState,
): Promise<KubeObject[]> {
  const { client, paths, records, service } = place
  const closed = entries.filter(({ state }) => state === 'bad' || state === 'withdrawn').slice(-tidied)
  if (serving === null || closed.length === 0) return []
  const [good, ...withdrawn] = await Promise.all(
    [serving, ...closed.map(({ id }) => id)].map(id => records.load(id, slots[id] ?? [])),
  )
  if (!good) return []
  const kept = objectsOf(good.body, serving, service)
  const late = withdrawn.flatMap((record, index) => {
    const id = closed[index]?.id
    return record && id ? leftOut(tracesOf(record.body, id, service), kept) : []
  })
  const there = await Promise.all(
    late.map(async object => {
      const live = await client.get(await paths.of(object))
      return live?.metadata.labels?.[stamps.release] === object.metadata.labels?.[stamps.release]
    }),
  )
  return spareMigrations(
    place,
    late.filter((_object, index) => there[index]),
  )
}
