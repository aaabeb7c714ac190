import semver from 'semver'
import { z } from 'zod'
import { variableName } from './target-schemas.ts'
import { parseBound } from '../freeze.ts'
import { accepted } from '../values.ts'

const duration = z.string().regex(/^(\d+(\.\d+)?(ms|s|m|h|d))+$/, { error: accepted.duration })
const address = z
  .string()
  .regex(/^([a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\]):[1-9]\d{0,4}$/, {
    error: 'HOST:PORT, like db.example.com:5432',
  })
  .refine(text => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, {
    error: 'HOST:PORT, with a PORT from 1 to 65535',
  })
const file = z.string().regex(/^\//, { error: 'an absolute path' })
const name = z.string().min(1)
const commandLine = z
  .array(z.string().min(1))
  .min(1)
  .describe('A program and its arguments, each for itself; no shell is in between.')

const service = z.union(
  [
    z.strictObject({
      name,
      url: z.url({ protocol: /^https?$/, error: 'an http:// or https:// URL' }),
      status: z
        .array(z.int().min(100).max(599))
        .min(1)
        .optional()
        .describe('HTTP statuses that are well; default: any below 500.'),
    }),
    z.strictObject({ name, address: address.describe('HOST:PORT that takes TCP connections.') }),
  ],
  { error: 'a name with a url, or with an address like smtp.example.com:587' },
)

const zone = z.string().refine(isTimeZone, { error: 'a time zone like UTC or Asia/Seoul' })

const freeze = z
  .strictObject({
    from: z.string().refine(isBound, { error: accepted.moment }),
    to: z.string().refine(isBound, { error: accepted.moment }),
    'time-zone': zone.optional().describe('Of both; default: UTC.'),
    reason: z.string().min(1),
  })
  .refine(({ from, to }) => parseBound(from)?.kind === parseBound(to)?.kind, {
    error: 'a from and a to of one kind: both dates, both week days, or both times',
  })
  .refine(({ from, to }) => !isDate(from) || (parseBound(from)?.key ?? '') < (parseBound(to)?.key ?? ''), {
    error: 'a from that is before its to',
  })
  .refine(({ from, to }) => isDate(from) || parseBound(from)?.key !== parseBound(to)?.key, {
    error: 'a from and a to that differ, like Fri and Sat for all of Friday',
  })

/** What `checks` of an environment may say: all that pre-deploy-check cannot find out by itself. */
export const checksSchema = z.strictObject({
  code: z
    .strictObject({
      required: z
        .array(
          z.union(
            [
              name,
              z.strictObject({
                name,
                by: name
                  .optional()
                  .describe(
                    'Who reports it: slug or id of the app, or login of the account that posts the status.',
                  ),
              }),
            ],
            { error: 'the name of a check, or { name: ..., by: ... }' },
          ),
        )
        .min(1)
        .optional()
        .describe(
          'CI checks that must have passed for the commit; default: every one that neither a schedule nor a person started.',
        ),
      branches: z
        .array(name)
        .optional()
        .describe(
          'Branches that the commit may be on; default: the default branch of the repository. An empty list allows every commit.',
        ),
      'recovery-environment': name
        .optional()
        .describe('GitHub environment with the secrets of the recovery job; default: NAME-recovery.'),
      directory: z
        .string()
        .min(1)
        .refine(path => !path.startsWith('/') && !path.split('/').includes('..'), {
          error: 'a path inside the repository, without ..',
        })
        .optional()
        .describe("Folder of the service's package.json; default: the repository's root."),
      approvals: z.int().min(0).optional().describe('Approving reviews that the commit needs; default: 1.'),
      variables: z
        .array(variableName)
        .min(1)
        .optional()
        .describe(
          'Names of variables of this machine that npm test, npm run lint and the migrations command get, like TEST_DATABASE_URL; default: none but PATH, HOME, language, proxies and the like.',
        ),
    })
    .optional(),
  database: z
    .strictObject({
      version: z
        .string()
        .refine(text => semver.validRange(text) !== null, { error: 'a range of versions like >=14 or 15.x' })
        .optional()
        .describe('Versions of PostgreSQL that will do, like >=14.'),
      'max-lag': duration.optional().describe('How far replicas may be behind; default: 30s.'),
      replicas: z
        .int()
        .min(0)
        .optional()
        .describe('Replicas that must be connected; default: not looked at.'),
      disk: z
        .string()
        .min(1)
        .optional()
        .describe('PromQL of the share of its disk that is in use, from 0 to 1. Not needed on this machine.'),
      migrations: commandLine
        .optional()
        .describe(
          'Command that ends with 0 when no migration is pending; it gets the env-file as environment.',
        ),
    })
    .optional(),
  redis: z
    .strictObject({
      eviction: z
        .enum([
          'noeviction',
          'allkeys-lru',
          'allkeys-lfu',
          'allkeys-random',
          'volatile-lru',
          'volatile-lfu',
          'volatile-random',
          'volatile-ttl',
        ])
        .optional()
        .describe('Policy that maxmemory-policy must be; default: not looked at.'),
    })
    .optional(),
  services: z
    .array(service)
    .min(1)
    .optional()
    .describe('Services outside that the release cannot do without.'),
  certificate: z
    .strictObject({
      file: file.optional().describe('Default: /etc/ssl/certs/production.crt, if it is there.'),
      key: file.optional().describe('Default: /etc/ssl/private/production.key, if it is there.'),
      'renew-before': duration
        .optional()
        .describe('A certificate that expires sooner is warned of; default: 14d.'),
    })
    .optional(),
  ports: z
    .strictObject({
      open: z.array(address).optional().describe('Must be reachable from where the check runs.'),
      closed: z.array(address).optional().describe('Must not be.'),
    })
    .optional()
    .describe("Default: 443 of an https url is open; 3000, 5432 and 6379 of the url's host are closed."),
  'on-call': z
    .array(z.strictObject({ name, contact: name.describe('Phone number, mail address, URL or #channel.') }))
    .min(1)
    .optional()
    .describe('Who is called when the release goes wrong, first to last.'),
  freeze: z.array(freeze).optional().describe('When nothing is deployed.'),
})

function isBound(text: string): boolean {
  return parseBound(text) !== undefined
}

function isDate(text: string): boolean {
  return parseBound(text)?.kind === 'date'
}

function isTimeZone(text: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
