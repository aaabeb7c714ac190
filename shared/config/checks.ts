import type { z } from 'zod'
import type { checksSchema } from './schema/checks-schema.ts'
import type { ChecksSpec, Environment } from './environment.ts'
import { parseDuration } from './values.ts'

/** Two weeks: renewals by ACME come at 30 days, so one has failed by then, and there is time to fix it. */
const renewBefore = '14d'

/**
 * Fills in the defaults of `checks`.
 * @param at gives the path of a key in the runbook, for errors
 */
export function resolveChecks(at: (key: string) => string, said: z.infer<typeof checksSchema>): ChecksSpec {
  const { code = {}, database = {}, redis = {}, services = [], certificate = {}, ports, freeze = [] } = said
  return {
    code: {
      required: (code.required ?? []).map(each =>
        typeof each === 'string' ? { name: each, by: '' } : { name: each.name, by: each.by ?? '' },
      ),
      directory: code.directory ?? '.',
      approvals: code.approvals ?? 1,
      branches: code.branches,
      recoveryEnvironment: code['recovery-environment'],
      variables: code.variables ?? [],
    },
    database: {
      version: database.version ?? '',
      maxLagMs: parseDuration(at('checks.database.max-lag'), database['max-lag'] ?? '30s'),
      replicas: database.replicas,
      disk: database.disk ?? '',
      migrations: database.migrations ?? [],
    },
    redis: { eviction: redis.eviction ?? '' },
    services: services.map(each => ('url' in each ? { ...each, status: each.status ?? [] } : each)),
    certificate: {
      file: certificate.file ?? '',
      key: certificate.key ?? '',
      renewBeforeMs: parseDuration(
        at('checks.certificate.renew-before'),
        certificate['renew-before'] ?? renewBefore,
      ),
    },
    ports: ports && { open: ports.open ?? [], closed: ports.closed ?? [] },
    onCall: said['on-call'] ?? [],
    freeze: freeze.map(({ from, to, reason, 'time-zone': timeZone = 'UTC' }) => ({
      from,
      to,
      reason,
      timeZone,
    })),
  }
}

/** What an environment says to its checks; the defaults, where it says nothing. */
export function checksOf({ checks }: Environment): ChecksSpec {
  return checks ?? resolveChecks(key => key, {})
}
