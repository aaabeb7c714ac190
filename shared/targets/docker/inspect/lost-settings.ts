import type { ContainerDetail } from '../engine/containers.ts'
import { mountsOf } from '../mounts/mounts.ts'
import { isEmpty, recreation } from '../apply/recreation.ts'

/** What a copy of a container has not as the original had it, in a line each. */
export interface LostSettings {
  /** Without these it is another service: its data and its networks. */
  essential: string[]
  others: string[]
}

/**
 * Compares a container with its copy, by all that the engine says of both. Values are left out: commands, labels and
 * variables may hold secrets.
 * @param copy created from `recreation` of the original, never started
 */
export function lostSettings(original: ContainerDetail, copy: ContainerDetail): LostSettings {
  const [before, after] = [original, copy].map(each => recreation(each, '', {}))
  const mounts = mountsOf(original).filter(
    ({ path, source, writable }) =>
      !mountsOf(copy).some(
        other => other.path === path && other.source === source && other.writable === writable,
      ),
  )
  const endpoints = (body: typeof before) => Object.entries(body?.NetworkingConfig?.EndpointsConfig ?? {})
  const networks = endpoints(before).filter(
    ([name, endpoint]) =>
      !endpoints(after).some(([other, made]) => other === name && text(made) === text(endpoint)),
  )
  const {
    HostConfig: hostBefore = {},
    NetworkingConfig: _before,
    Labels: labels,
    ...configBefore
  } = before ?? {}
  const { HostConfig: hostAfter = {}, NetworkingConfig: _after, Labels: _own, ...configAfter } = after ?? {}
  const labelsLost = Object.keys(labels ?? {}).filter(name => copy.Config.Labels?.[name] !== labels?.[name])
  return {
    essential: [
      ...mounts.map(({ path, source }) => `the mount of ${source} at ${path}`),
      ...networks.map(([name]) => `its place on network ${name}`),
    ],
    others: [
      ...changedKeys(configBefore, configAfter).map(key => `its setting ${key}`),
      ...changedKeys(hostBefore, hostAfter, mountKeys).map(key => `its setting HostConfig.${key}`),
      ...labelsLost.map(name => `its label ${name}`),
    ],
  }
}

const mountKeys = new Set(['Binds', 'Mounts', 'Tmpfs'])

function changedKeys(before: object, after: object, except = new Set<string>()): string[] {
  const [old, now] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  return [...old.keys()].filter(
    key =>
      !except.has(key) &&
      !(isEmpty(old.get(key)) && isEmpty(now.get(key))) &&
      text(old.get(key)) !== text(now.get(key)),
  )
}

/** The same for values that say the same: sorted lists of variables, keys in order, nothing that is empty. */
function text(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(text).sort().join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).filter(([, each]) => !isEmpty(each))
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, each]) => `${key}:${text(each)}`)
    .join()}}`
}
