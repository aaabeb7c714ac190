/*
 * What of an archive is restored where. `pg_restore --list` prints one line an entry, like
 * `3199; 3466 40951 EVENT TRIGGER - watch_ddl cdc`: number, catalog, OID, kind, schema (`-`: none), name, owner; of what
 * belongs to an entry (`COMMENT - EVENT TRIGGER watch_ddl cdc`) the kind and name stand after the schema.
 */

/**
 * Where an archive is restored. `temporary-server`: a server of our own, with owners and grants. `scratch-database`: beside
 * other databases, and dropped again; without owners and grants, since roles are not made there. `live-server`: the new
 * database is going to be used.
 */
export type RestoredInto = 'temporary-server' | 'scratch-database' | 'live-server'

/** What may be left out. */
export const leftOutKinds = [
  'subscription',
  'event trigger',
  'extension',
  'remote view',
  'policy',
  'user mapping',
  'security label',
] as const

export type LeftOutKind = (typeof leftOutKinds)[number]

/** Something that the archive has and the restore leaves out. */
export interface LeftOut {
  kind: LeftOutKind
  /** Its name as the archive has it, of a policy with its table's. */
  name: string
}

/** A selection of an archive's entries. */
export interface Selection {
  /** For `pg_restore --use-list`; undefined when nothing is left out. */
  list: string | undefined
  leftOut: LeftOut[]
}

/** A materialized view whose query reads another server. */
export interface ViewName {
  schema: string
  name: string
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
  'user mapping': ['scratch-database'],
  // Its provider is a library that the server loads at its start.
  'security label': ['temporary-server', 'scratch-database'],
}

/**
 * Chooses the entries that are restored.
 * @param list what `pg_restore --list` printed
 * @param remoteViews materialized views of the dumped database that read another server
 */
export function selectEntries(list: string, into: RestoredInto, remoteViews: ViewName[]): Selection {
  const views = new Set(remoteViews.map(({ schema, name }) => oneLine(`${schema} ${name} `)))
  const leftOut: LeftOut[] = []
  const kept: string[] = []
  for (const line of list.split('\n')) {
    const entry = /^\d+; \d+ \d+ (.*)$/.exec(line)?.[1]
    const found = entry === undefined ? undefined : classify(entry, views)
    if (!found || !leftOutOf[found.kind].includes(into)) kept.push(line)
    else if (found.name !== '') leftOut.push({ kind: found.kind, name: found.name })
  }
  return { list: kept.length === list.split('\n').length ? undefined : kept.join('\n'), leftOut }
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

/** pg_restore prints names on one line. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]/g, ' ')
}
