import { readdir, readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { CheckContext } from '../check.ts'

/**
 * The service's configuration as far as the repository says it: what reaches it of the plain part and of the env-file. A
 * target's `env` wins over the env-file, and the env-file over the ConfigMaps of the manifests. Values may be secrets.
 */
export async function readConfiguration(context: CheckContext): Promise<Record<string, string>> {
  const { target, root, envFile } = context.environment
  const file = envFile === '' ? {} : context.config()
  if (target.kind !== 'kubernetes') return { ...file, ...target.env }
  return { ...(await readConfigMaps(resolve(root, target.manifests))), ...file }
}

async function readConfigMaps(path: string): Promise<Record<string, string>> {
  return Object.assign({}, ...(await readManifests(path)).map(configMapData)) as Record<string, string>
}

/** The objects of a file or folder of manifests as they are written. Those that cannot be read are another check's finding. */
export async function readManifests(path: string): Promise<unknown[]> {
  const texts = await Promise.all((await filesOf(path)).map(file => readFile(file, 'utf8')))
  return texts
    .flatMap(text => parseAllDocuments(text, { logLevel: 'error' }))
    .filter(document => document.errors.length === 0)
    .map(document => document.toJS() as unknown)
}

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined)
  if (!found) return []
  if (!found.isDirectory()) return [path]
  const names = await readdir(path)
  return names.filter(name => /\.(ya?ml|json)$/.test(name)).map(name => resolve(path, name))
}

function configMapData(object: unknown): Record<string, string> {
  const { kind, data } = (object ?? {}) as { kind?: unknown; data?: Record<string, unknown> | null }
  if (kind !== 'ConfigMap' || !data) return {}
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, String(value)]))
}
