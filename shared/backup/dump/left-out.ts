/** What may be left out. */
export const leftOutKinds = [
  'subscription',
  'event trigger',
  'extension',
  'remote view',
  'policy',
  'user mapping',
  'security label',
  'publication',
  'superuser object',
  'table',
] as const

export type LeftOutKind = (typeof leftOutKinds)[number]
