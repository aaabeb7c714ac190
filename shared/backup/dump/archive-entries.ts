import type { LeftOutKind } from './left-out.ts'
import type { DatabaseFacts } from '../storage/manifest.ts'
import { isSuperuserKind } from './superuser-only.ts'

/*
 * What of an archive is restored where. `pg_restore --list --verbose` prints one line an entry, like
 * `3199; 3466 40951 EVENT TRIGGER - watch_ddl cdc`: number, catalog, OID, kind, schema (`-`: none), name, owner; of what
 * belongs to an entry (`COMMENT - EVENT TRIGGER watch_ddl cdc`) the kind and name stand after the schema. A line like
 * `;\tdepends on: 12 34` may follow, with the numbers of other entries.
 */

/**
 * Where an archive is restored. `temporary-server`: a server that is thrown away. `scratch-database`: beside other
 * databases, and dropped again. Both are copies, without owners, grants and comments, restored by a role without the rights
 * of a superuser. `live-server`: the new database is going to be used.
 */
export type RestoredInto = 'temporary-server' | 'scratch-database' | 'live-server'

/** Something that the archive has and the restore leaves out. */
export interface LeftOut {
  kind: LeftOutKind
  /** Its name as the archive has it, of a policy with its table's; of a `superuser object` after its kind. */
  name: string
}

/** An extension that a copy is to have, and its schema where that is not one that the extension makes itself. */
export interface WantedExtension {
  name: string
  schema: string | undefined
}

/** A selection of an archive's entries. */
export interface Selection {
  /** For `pg_restore --use-list`; undefined when nothing is left out. */
  list: string | undefined
  leftOut: LeftOut[]
  /** Of a copy: those that are created before it is filled. */
  extensions: WantedExtension[]
}

/**
 * Extensions whose background workers act by themselves on what a database holds, and the schema that they keep it in.
 * They can be created in the one database only that the server's configuration names, so never in a copy.
 */
const backgroundExtensions = new Map([
  ['pg_cron', 'cron'],
  ['pglogical', 'pglogical'],
])

/** True for an extension that is never restored, because what it keeps would act by itself. */
export function isBackgroundExtension(name: string): boolean {
  return backgroundExtensions.has(name)
}

/** What acts beyond the database as soon as it exists, or takes roles that a scratch database lacks. */
const leftOutOf: Record<LeftOutKind, RestoredInto[]> = {
  // A second subscription would read the publisher's slot, and the database could not be dropped while it has one.
  subscription: ['temporary-server', 'scratch-database', 'live-server'],
  extension: ['temporary-server', 'scratch-database', 'live-server'],
  // It runs at each later statement on the copy, with the rights of a superuser.
  'event trigger': ['temporary-server', 'scratch-database'],
  // To fill it, the copy would log in to the other server.
  'remote view': ['temporary-server', 'scratch-database'],
  policy: ['scratch-database'],
  // It has the password of another server.
  'user mapping': ['temporary-server', 'scratch-database'],
  publication: ['temporary-server', 'scratch-database'],
  'superuser object': ['temporary-server', 'scratch-database'],
  table: ['temporary-server', 'scratch-database'],
  // Its provider is a library that the server loads at its start.
  'security label': ['temporary-server', 'scratch-database'],
}

/** One entry of an archive. */
interface Entry {
  id: string
  /** Numbers of its catalog and object, where it was dumped. */
  object: string
  /** Its kind and what follows. */
  text: string
  dependsOn: string[]
}

/** What is known of the database that was dumped. */
export type Dumped = Pick<DatabaseFacts, 'beyond' | 'extensions'>

/**
 * Chooses the entries that are restored.
 * @param list what `pg_restore --list --verbose` printed
 * @param creatable names of the extensions that a copy may have
 */
export function selectEntries(
  list: string,
  into: RestoredInto,
  { beyond, extensions }: Dumped,
  creatable: Set<string>,
): Selection {
  const lines = list.split('\n')
  const entries = lines.flatMap((line, index) => readEntry(line, lines[index + 1] ?? ''))
  const views = new Set((beyond?.remoteViews ?? []).map(({ schema, name }) => oneLine(`${schema} ${name} `)))
  const found = new Map(entries.map(({ id, text }) => [id, classify(text, views)]))
  const wanted = into === 'live-server' ? [] : extensions.filter(({ name }) => creatable.has(name))
  const schemas = new Set<string>()
  if (into !== 'live-server') {
    const superuserOnly = new Set(beyond?.superuserOnly ?? [])
    const names = wanted.map(({ name }) => `EXTENSION - ${oneLine(name)} `)
    for (const { id, text } of impossible(entries, superuserOnly, names)) found.set(id, ofSuperuser(text))
    // They are made with the extensions.
    for (const { id, text } of entries) {
      const schema = wanted.find(each => text.startsWith(`SCHEMA - ${oneLine(each.schema ?? '')} `))?.schema
      if (schema === undefined || schema === 'public') continue
      schemas.add(schema)
      found.set(id, { kind: 'extension', name: '' })
    }
  }
  const isLeftOut = (id: string) => {
    const each = found.get(id)
    return each !== undefined && leftOutOf[each.kind].includes(into)
  }
  const leftOut = entries.flatMap(({ id }) => {
    const each = found.get(id)
    return each && isLeftOut(id) && each.name !== '' ? [each] : []
  })
  const kept = lines.filter(line => !isLeftOut(/^\d+/.exec(line)?.[0] ?? ''))
  return {
    list: kept.length === lines.length ? undefined : kept.join('\n'),
    leftOut,
    extensions: wanted.map(({ name, schema }) => ({
      name,
      schema: schema === 'public' || schemas.has(schema ?? '') ? schema : undefined,
    })),
  }
}

function readEntry(line: string, next: string): Entry[] {
  const [, id, object, text] = /^(\d+); (\d+ \d+) (.*)$/.exec(line) ?? []
  if (id === undefined || object === undefined || text === undefined) return []
  const dependsOn = /^;\s+depends on:([\d ]*)$/.exec(next)?.[1]?.trim().split(' ') ?? []
  return [{ id, object, text, dependsOn }]
}

/** Entries that take a superuser, and those that depend on them, however far. */
function impossible(entries: Entry[], superuserOnly: Set<string>, extensions: string[]): Entry[] {
  const needed = new Map<string, Entry[]>()
  for (const entry of entries)
    for (const id of entry.dependsOn) needed.set(id, [...(needed.get(id) ?? []), entry])
  const isRoot = ({ text, object }: Entry) =>
    isSuperuserKind(text) ||
    superuserOnly.has(object) ||
    (text.startsWith('EXTENSION - ') && !extensions.some(start => text.startsWith(start)))
  const found = new Set<Entry>()
  const waiting = entries.filter(isRoot)
  for (let entry = waiting.pop(); entry; entry = waiting.pop()) {
    if (found.has(entry)) continue
    found.add(entry)
    waiting.push(...(needed.get(entry.id) ?? []))
  }
  return entries.filter(entry => found.has(entry))
}

/** Parts of what is named itself, and what stands for nothing that is stored. */
const partsOf =
  /^(?:TABLE DATA|SEQUENCE SET|SEQUENCE OWNED BY|MATERIALIZED VIEW DATA|COMMENT|ACL|DEFAULT ACL|SHELL TYPE) /

function ofSuperuser(text: string): LeftOut {
  if (partsOf.test(text)) return { kind: 'superuser object', name: '' }
  const table = /^TABLE (?!ATTACH )(.*)$/.exec(text)?.[1]
  if (table !== undefined) return { kind: 'table', name: withoutOwner(table).replace(' ', '.') }
  const extension = /^EXTENSION - (.*)$/.exec(text)?.[1]
  if (extension !== undefined) return { kind: 'extension', name: withoutOwner(extension) }
  return { kind: 'superuser object', name: describe(withoutOwner(text)) }
}

/** `FUNCTION public f(integer)` as `function public.f(integer)`. */
function describe(entry: string): string {
  const [, kind = '', rest = ''] = /^((?:[A-Z]+ )*[A-Z]+) (.*)$/.exec(entry) ?? []
  return `${kind.toLowerCase()} ${rest.startsWith('- ') ? rest.slice(2) : rest.replace(' ', '.')}`
}

/** @returns undefined for what is restored everywhere; an empty name for what belongs to something that is named itself */
function classify(entry: string, remoteViews: Set<string>): LeftOut | undefined {
  const named = (kind: LeftOutKind, start: string) =>
    entry.startsWith(start) ? { kind, name: withoutOwner(entry.slice(start.length)) } : undefined
  const belongs = /^(?:COMMENT|ACL|SECURITY LABEL) - (SUBSCRIPTION|EVENT TRIGGER) /.exec(entry)?.[1]
  if (belongs) return { kind: belongs === 'SUBSCRIPTION' ? 'subscription' : 'event trigger', name: '' }
  if (entry.startsWith('MATERIALIZED VIEW DATA ')) {
    const rest = entry.slice('MATERIALIZED VIEW DATA '.length)
    const isRemote = [...remoteViews].some(view => rest.startsWith(view))
    return isRemote ? { kind: 'remote view', name: withoutOwner(rest).replace(' ', '.') } : undefined
  }
  return (
    named('subscription', 'SUBSCRIPTION - ') ??
    named('event trigger', 'EVENT TRIGGER - ') ??
    named('policy', 'POLICY ') ??
    named('publication', 'PUBLICATION - ') ??
    (entry.startsWith('PUBLICATION TABLE') ? ({ kind: 'publication', name: '' } as const) : undefined) ??
    named('user mapping', 'USER MAPPING - USER MAPPING ') ??
    (entry.startsWith('SECURITY LABEL ')
      ? { kind: 'security label', name: withoutOwner(entry.slice('SECURITY LABEL '.length)) }
      : undefined) ??
    ofBackgroundExtension(entry)
  )
}

function ofBackgroundExtension(entry: string): LeftOut | undefined {
  for (const [extension, schema] of backgroundExtensions) {
    if (entry.startsWith(`EXTENSION - ${extension} `)) return { kind: 'extension', name: extension }
    const belongs = [`COMMENT - EXTENSION ${extension} `, `ACL - SCHEMA ${schema} `]
    const isRow = /^(?:TABLE DATA|SEQUENCE SET|ACL|POLICY|ROW SECURITY) (\S+) /.exec(entry)?.[1] === schema
    if (isRow || belongs.some(start => entry.startsWith(start))) return { kind: 'extension', name: '' }
  }
  return undefined
}

/** The owner is the last word; a name may have blanks, and an owner too, of which then a part stays. */
function withoutOwner(rest: string): string {
  return rest.replace(/ \S*$/, '')
}

/** A name as pg_restore prints it: on one line. */
export function oneLine(text: string): string {
  return text.replace(/[\r\n]/g, ' ')
}
