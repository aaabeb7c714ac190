import { readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Drift } from '../target.ts'
import type { Context } from './places.ts'
import { readApp } from './pm2.ts'
import { readRecord, readState } from './store.ts'

/** What of the app that serves is not as its release was recorded. pm2 does not keep who changed it. */
export async function readDrift(context: Context): Promise<Drift[]> {
  const { serving } = readState(context).ledger
  if (serving === null) return []
  const object = `app ${context.spec.app}`
  const app = await readApp(context)
  if (!app) return [{ object, what: 'is not known to pm2', by: '' }]
  const said: string[] = []
  if (app.pm2_env.status !== 'online') said.push(`is ${app.pm2_env.status}`)
  const body = readRecord(context, serving)?.body as
    { adopted: unknown; env: Record<string, string> } | undefined
  if (!body?.adopted) {
    const release = app.pm2_env.env?.['RUNBOOK_RELEASE'] ?? 'no release'
    if (release !== serving) said.push(`is of ${release}, and ${serving} was released`)
    const link = linkOf(context)
    if (link !== join('releases', serving))
      said.push(`${context.places.current} leads to ${link || 'nothing'}`)
    const now = app.pm2_env.env ?? {}
    for (const [name, value] of Object.entries(body?.env ?? {}))
      if (now[name] !== value)
        said.push(`env ${name} ${now[name] === undefined ? 'was removed' : 'was changed'}`)
  }
  return said.map(what => ({ object, what, by: '' }))
}

function linkOf({ places }: Context): string {
  try {
    return readlinkSync(places.current)
  } catch {
    return ''
  }
}
