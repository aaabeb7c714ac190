/**
 * The value at a path like `checks.database.status` or `users[0].id`; undefined when there is none. Only an object's
 * own keys are found.
 */
export function valueAt(document: unknown, path: string): unknown {
  const keys = path.split(/[.[\]]+/).filter(key => key !== '')
  return keys.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<string, unknown>)[key]
        : undefined,
    document,
  )
}
