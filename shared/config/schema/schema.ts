import { z } from 'zod'
import { checksSchema } from './checks-schema.ts'
import { imageSchema, originSchema } from './image-schema.ts'
import { acceptedCondition, acceptedName, mostConditions } from './condition.ts'
import { jsonExpectation } from './json-expectation.ts'
import {
  dnsLabel,
  path,
  clusterPlace,
  variableName,
  kubernetes,
  docker,
  processTarget,
} from './target-schemas.ts'
import { accepted } from '../values.ts'
import { acceptedVerifyingKey, readVerifyingKey } from '../verifying-key.ts'

const duration = z.string().regex(/^(\d+(\.\d+)?(ms|s|m|h|d))+$/, { error: accepted.duration })
const percent = z
  .string()
  .regex(/^\d{1,3}(\.\d+)?%$/, { error: accepted.percent })
  .refine(text => parseFloat(text) <= 100, { error: `${accepted.percent}, at most 100%` })
const url = z
  .url({ protocol: /^https?$/, error: 'an http:// or https:// URL' })
  .refine(text => !URL.parse(text)?.username && !URL.parse(text)?.password, {
    error: 'a URL without user and password: it is logged',
  })
  .refine(text => !/[?#]/.test(text), {
    error: 'a URL without a query or a fragment: paths are put behind it',
  })
const conditions = z
  .record(
    z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, { error: acceptedName }),
    z.string({ error: acceptedCondition }).min(1),
  )
  .refine(all => Object.keys(all).length <= mostConditions, { error: `at most ${mostConditions} of them` })

const gate = z.strictObject({
  for: duration
    .optional()
    .describe('How long the service is watched before it may pass; default: 1m. promote.yml allows for 25m.'),
  interval: duration.optional(),
  memory: percent.optional(),
  cpu: percent.optional(),
  disk: percent.optional(),
  'error-rate': percent
    .refine(text => parseFloat(text) > 0 && parseFloat(text) <= 50, {
      error: 'a percentage above 0% and up to 50%',
    })
    .optional()
    .describe('Rate of failed probes that is still well; default: 1%.'),
  latency: duration
    .optional()
    .describe(
      '95% of the probes have to be answered within this; default: what they took before the deploy, and 100 ms at least.',
    ),
  'warm-up': duration
    .optional()
    .describe(
      'How long a release that was just started may be slow, or answer badly, before that counts against it; 0s: not at all. It ends early, once the service is steady. Default: twice what earlier releases took, 20s at least and 2m at most; then only slow answers, no answers, and 502, 503 and 504 are excused.',
    ),
  baseline: duration
    .optional()
    .describe('How long deploy samples the service before it changes anything; 0s: not at all. Default: 3s.'),
  'max-gap': duration
    .optional()
    .describe(
      'Longest time that the service may be without an answer while a release replaces the previous one; a release that takes longer is rolled back. Default: it is measured and reported only.',
    ),
  paths: z
    .array(z.string().regex(/^\//, { error: 'a path that begins with /' }))
    .min(1)
    .optional()
    .describe('Paths that are probed; default: /health and /api/v1/status.'),
  expect: z
    .record(z.string().regex(/^\//, { error: 'a path that begins with /' }), jsonExpectation)
    .optional()
    .describe(
      'By path, what the JSON of its answer has to hold: { checks.database.status: up }, or like a smoke suite { id: { integer: "1234567890123456789" } }.',
    ),
  metrics: conditions
    .optional()
    .describe(
      'By name, what has to hold of /api/v1/metrics: nodejs_eventloop_delay_seconds{quantile="0.99"} < 0.2. Gauges only.',
    ),
  queries: conditions
    .optional()
    .describe('By name, what has to hold of Prometheus: PromQL, one of < <= > >=, and a number.'),
})

const environment = z.strictObject({
  target: z.discriminatedUnion('kind', [kubernetes, docker, processTarget], {
    error: 'a target whose kind is kubernetes, docker or process',
  }),
  url: url.optional().describe('Where the service is reached, without a path.'),
  'redirects-to': z
    .array(originSchema)
    .min(1)
    .optional()
    .describe(
      'Other origins to which the service may redirect what asks it, like https://www.example.com; default: none, so that a redirect to another origin is a failed answer.',
    ),
  image: imageSchema.optional(),
  'env-file': path.optional(),
  requires: z.array(z.string().min(1)).optional().describe('Keys that the env-file must have.'),
  backup: z
    .strictObject({
      destination: z.string().regex(/^(file:\/\/\/|s3:\/\/)/, { error: 'file:///dir or s3://bucket/prefix' }),
      'env-file': path
        .optional()
        .describe(
          "File with what backups alone need, and the service does not get: the bucket's AWS_*, and DATABASE_URL of the server itself where the service's own leads to a connection pooler.",
        ),
      'retention-days': z.int().positive().optional(),
      'short-days': z
        .int()
        .positive()
        .optional()
        .describe(
          'Days that a backup stays which is not kept long, like those of every half hour; default: 2.',
        ),
      'encrypt-to': z
        .array(z.string().regex(/^age1[0-9a-z]+$/, { error: 'an age recipient like age1...' }))
        .min(1)
        .optional()
        .describe('age recipients (public keys) that every backup is encrypted to.'),
      'signed-by': z
        .array(
          z.string().refine(text => readVerifyingKey(text) !== undefined, { error: acceptedVerifyingKey }),
        )
        .min(1)
        .optional()
        .describe(
          'Ed25519 public keys (PEM, or its middle line). A backup counts only when one of them has signed it; several serve to change the key.',
        ),
      'verify-query': z
        .string()
        .regex(/^\s*(select|with|table|values)\b/i, {
          error: 'a query that reads, like SELECT COUNT(*) FROM users',
        })
        .optional()
        .describe('Asked of the dumped instant and of its restore, which must answer alike.'),
      'postgres-image': z
        .string()
        .regex(/^[a-z0-9][\w./:@-]*$/, {
          error: 'an image like postgres:17 or registry.example.com/postgres@sha256:...',
        })
        .optional()
        .describe(
          "Image whose pg_dump and pg_restore are run where the machine lacks them; default: postgres:MAJOR of the server's version.",
        ),
      rpo: duration
        .optional()
        .describe('How much may be lost: the age that the newest backup may reach; default: 1h.'),
      rto: duration.optional().describe('How long bringing the database back may take; default: 4h.'),
      wal: z
        .boolean()
        .optional()
        .describe('The server archives its write-ahead log elsewhere: then its age is held against the RPO.'),
    })
    .optional(),
  tunnels: z
    .strictObject({
      database: clusterPlace.optional().describe('Where the database is, like service/postgres:5432.'),
      redis: clusterPlace.optional().describe('Where Redis is, like service/redis:6379.'),
    })
    .optional()
    .describe('What only the cluster reaches is reached through its API, as kubectl port-forward does.'),
  gate: gate.optional(),
  monitoring: z
    .strictObject({
      prometheus: url.optional().describe('Base URL of the Prometheus that scrapes the service.'),
      grafana: url
        .optional()
        .describe(
          'Base URL of the Grafana that shows it; releases are marked there when GRAFANA_TOKEN is set.',
        ),
      pushgateway: url
        .optional()
        .describe(
          'Base URL of a Pushgateway, which is told how each step ended and when the newest backup was taken.',
        ),
    })
    .optional(),
  notify: z
    .strictObject({
      slack: variableName
        .optional()
        .describe(
          'Variable with the URL of an incoming webhook of Slack, which hears of releases and holds.',
        ),
      github: variableName
        .optional()
        .describe('Variable with a token that may write deployments, so that GitHub shows what serves.'),
    })
    .optional(),
  smoke: z
    .strictObject({
      suite: path.optional().describe("A suite of requests; default: the guide's endpoints."),
      requests: z
        .int()
        .min(0, { error: 'a whole number from 0 to 1000000' })
        .max(1_000_000, { error: 'a whole number from 0 to 1000000' })
        .optional()
        .describe('Requests of the load; default: 1000. 0 sends none.'),
      concurrency: z
        .int()
        .min(1, { error: 'a whole number from 1 to 1000' })
        .max(1_000, { error: 'a whole number from 1 to 1000' })
        .optional()
        .describe('Requests under way at the same time; default: 10.'),
      'max-rate': z
        .int()
        .min(1, { error: 'a whole number from 1 to 1000000' })
        .max(1_000_000, { error: 'a whole number from 1 to 1000000' })
        .optional()
        .describe('Requests a second at most; default: 200.'),
      'max-p95': duration
        .optional()
        .describe('95% of the answers have to come within this; default: not judged.'),
      'max-error-rate': percent
        .optional()
        .describe('Rate of failed requests above which the load fails, and ends at once; default: 1%.'),
    })
    .optional(),
  checks: checksSchema.optional().describe('What pre-deploy-check cannot find out by itself.'),
})

/** What `runbook.yml` may say. Published as JSON Schema for editors. */
export const runbookSchema = z.strictObject({
  service: dnsLabel.describe('Name of the service; the ledger and the lease carry it.'),
  environments: z.record(dnsLabel, environment),
})

export type Runbook = z.infer<typeof runbookSchema>
export type EnvironmentSpec = Runbook['environments'][string]
export type TargetSpec = EnvironmentSpec['target']
export type KubernetesSpec = z.infer<typeof kubernetes>
export type DockerSpec = z.infer<typeof docker>
export type ProcessSpec = z.infer<typeof processTarget>
