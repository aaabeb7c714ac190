import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { InputError } from '../../outcome/errors.ts'

type Variables = Record<string, string | undefined>

/**
 * What a connection service file says of a service: libpq's parameters by name. It is looked for where libpq does:
 * PGSERVICEFILE, else ~/.pg_service.conf; then pg_service.conf in PGSYSCONFDIR.
 * @param where the input's name or `file KEY`, for errors
 * @throws InputError when no file has the service, or a line of it cannot be read
 */
export function readService(where: string, service: string, env: Variables): Map<string, string> {
  const own = said(env, 'PGSERVICEFILE') ?? join(homeOf(env), '.pg_service.conf')
  const system = said(env, 'PGSYSCONFDIR')
  const files = [own, ...(system === undefined ? [] : [join(system, 'pg_service.conf')])]
  for (const file of files) {
    const found = findService(file, service, readText(file) ?? '')
    if (found) return found
  }
  throw new InputError(`${where} names the service ${service}, which is not in ${files.join(' or ')}`, {
    hint: `Add [${service}] to that file, or set PGSERVICEFILE to the one that has it.`,
  })
}

/** What a line of a password file must match. */
export interface PasswordRequest {
  host: string
  port: string
  database: string
  user: string
}

/**
 * The password that the password file (PGPASSFILE, else ~/.pgpass) has for a connection, or undefined. Like libpq, a file
 * that others may read is passed over.
 */
export function readPassword(
  { host, port, database, user }: PasswordRequest,
  env: Variables,
): string | undefined {
  const file = said(env, 'PGPASSFILE') ?? join(homeOf(env), '.pgpass')
  const text = readText(file)
  if (text === undefined || (statSync(file).mode & 0o077) !== 0) return undefined
  const wanted = [host.startsWith('/') ? 'localhost' : host, port, database, user]
  for (const line of text.split(/\r?\n/)) {
    const [, ...fields] = line.startsWith('#') ? [] : (passwordLine.exec(line) ?? [])
    const matches = wanted.every((value, at) => fields[at] === '*' || plain(fields[at]) === value)
    if (matches) return plain(fields[4])
  }
  return undefined
}

/** host:port:database:user:password, in which a backslash stands before colons and backslashes of a field. */
const passwordLine = new RegExp(`^${String.raw`((?:\\.|[^:\\])*):`.repeat(4)}(.*)$`)

function findService(file: string, service: string, text: string): Map<string, string> | undefined {
  let found: Map<string, string> | undefined
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const section = /^\[(.*)\]$/.exec(line)?.[1]
    if (section !== undefined) {
      if (found) return found
      if (section === service) found = new Map()
    } else if (found) {
      const [, name, value = ''] = /^(\w+)=(.*)$/.exec(line) ?? []
      if (name === undefined)
        throw new InputError(`${file}:${index + 1} is no line of a service file; accepted: parameter=value`, {
          hint: 'Fix that line. A lookup by LDAP is not supported.',
        })
      found.set(name, value)
    }
  }
  return found
}

function plain(field: string | undefined): string | undefined {
  return field?.replace(/\\(.)/g, '$1')
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function said(env: Variables, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name]
}

function homeOf(env: Variables): string {
  return said(env, 'HOME') ?? homedir()
}
