import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hubKey, loginKeys } from './docker-config.ts'

/** A user of one registry. */
export interface RegistryUser {
  /** Host and port; `docker.io` for Docker Hub. */
  registry: string
  username: string
  password: string
}

/**
 * The content of a `config.json` of Docker: what the machine's own configuration says, with one more login.
 * @param own the machine's configuration; its contexts, helpers and other logins stay
 */
export function mergeLogin(own: object, { registry, username, password }: RegistryUser): object {
  const key = registry === 'docker.io' ? hubKey : registry
  const { auths = {}, credHelpers = {} } = own as { auths?: object; credHelpers?: object }
  const auth = Buffer.from(`${username}:${password}`).toString('base64')
  return {
    ...own,
    auths: { ...auths, [key]: { auth } },
    // Where the machine keeps logins in a helper, Docker reads no other place, unless this registry has an empty helper.
    credHelpers: { ...credHelpers, [key]: '' },
  }
}

/** Whether a configuration of Docker has a login for a registry by name; a `credsStore` alone does not tell. */
export function hasLogin(own: object, registry: string): boolean {
  const { auths = {}, credHelpers = {} } = own as { auths?: object; credHelpers?: object }
  const keys = [...loginKeys(registry), `https://${registry}`]
  return [auths, credHelpers].some(each => keys.some(key => Object.hasOwn(each, key)))
}

/** The machine's own configuration; empty when there is none, or it is not JSON. @param folder as `dockerFolder` gives it */
export function ownDockerConfig(folder: string): object {
  const file = join(folder, 'config.json')
  if (!existsSync(file)) return {}
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return typeof parsed === 'object' && parsed !== null ? parsed : {}
  } catch {
    return {}
  }
}
