import { z } from 'zod'
import { accepted } from './values.ts'

const duration = z.string().regex(/^(\d+(\.\d+)?(ms|s|m|h|d))+$/, { error: accepted.duration })
const size = z.string().regex(/^\d+(\.\d+)?(B|KiB|MiB|GiB|KB|MB|GB)$/, { error: accepted.size })
const percent = z.string().regex(/^\d{1,3}(\.\d+)?%$/, { error: accepted.percent })
const url = z
  .url({ protocol: /^https?$/, error: 'an http:// or https:// URL' })
  .refine(text => !URL.parse(text)?.username && !URL.parse(text)?.password, {
    error: 'a URL without user and password: it is logged',
  })
const dnsLabel = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, {
  error: 'a name of lower-case letters, digits and dashes, at most 63',
})
const path = z
  .string()
  .min(1)
  .refine(value => !value.startsWith('/') && !value.split('/').includes('..'), {
    error: 'a path inside the repository, without ..',
  })
const environmentVariables = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'an environment variable name' }),
  z.string(),
)

const kubernetes = z.strictObject({
  kind: z.literal('kubernetes'),
  namespace: dnsLabel.describe('Where the service runs. Every object of the manifests must lie in it.'),
  manifests: path.describe('A folder or file of Kubernetes manifests, or the folder of a kustomization.'),
  workload: z
    .string()
    .regex(/^(deployment|statefulset|daemonset)\/[a-z0-9.-]+$/, {
      error: 'deployment/NAME, statefulset/NAME or daemonset/NAME',
    })
    .describe('The workload that serves, as kubectl names it.'),
  context: z.string().min(1).optional().describe('Context of the kubeconfig; default: its current one.'),
  secret: dnsLabel.optional().describe('Secret that carries the env-file; default: SERVICE-env.'),
})

const docker = z.strictObject({
  kind: z.literal('docker'),
  container: dnsLabel.describe('Name of the container that serves.'),
  ports: z
    .array(
      z
        .string()
        .regex(/^(\d{1,3}(\.\d{1,3}){3}:)?\d{1,5}:\d{1,5}$/, { error: 'HOST:CONTAINER, like 3001:3000' }),
    )
    .min(1),
  host: z
    .string()
    .min(1)
    .optional()
    .describe('Docker engine, as DOCKER_HOST has it; default: DOCKER_HOST, else the local one.'),
  env: environmentVariables.optional().describe('Plain configuration; the env-file is for secrets.'),
  network: z.string().min(1).optional(),
  memory: size
    .optional()
    .describe('Most memory that the container may have, like 512MiB; default: no limit.'),
  restart: z.enum(['no', 'on-failure', 'always', 'unless-stopped']).optional(),
})

const processTarget = z.strictObject({
  kind: z.literal('process'),
  app: dnsLabel.describe("Name of the app in the user's pm2."),
  directory: path.describe('Where the releases and the link to the current one are kept.'),
  source: path.describe('What is copied into a release; default: the repository.').optional(),
  start: z.string().min(1).describe('Script that pm2 starts, relative to the release.'),
  env: environmentVariables.optional(),
})

const gate = z.strictObject({
  for: duration.optional(),
  interval: duration.optional(),
  memory: percent.optional(),
  cpu: percent.optional(),
  disk: percent.optional(),
  'error-rate': percent.optional().describe('Rate of failed probes that is still well; default: 1%.'),
  latency: duration
    .optional()
    .describe('95% of the probes have to be answered within this; default: not judged.'),
  paths: z
    .array(z.string().startsWith('/'))
    .min(1)
    .optional()
    .describe('Paths that are probed; default: /health and /api/v1/status.'),
})

const environment = z.strictObject({
  target: z.discriminatedUnion('kind', [kubernetes, docker, processTarget], {
    error: 'a target whose kind is kubernetes, docker or process',
  }),
  url: url.optional().describe('Where the service is reached, without a path.'),
  'env-file': path.optional(),
  requires: z.array(z.string().min(1)).optional().describe('Keys that the env-file must have.'),
  backup: z
    .strictObject({
      destination: z.string().regex(/^(file:\/\/\/|s3:\/\/)/, { error: 'file:///dir or s3://bucket/prefix' }),
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
  smoke: z
    .strictObject({
      suite: path.optional(),
      requests: z.int().positive().optional(),
      concurrency: z.int().positive().optional(),
    })
    .optional(),
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
