import { withoutEnd } from '../../outcome/strip.ts'
import { z } from 'zod'
import { acceptedPlace, placePattern } from '../place.ts'
import { faultOfPorts } from '../published-ports.ts'
import { accepted } from '../values.ts'

const size = z.string().regex(/^\d+(\.\d+)?(B|KiB|MiB|GiB|KB|MB|GB)$/, { error: accepted.size })
export const dnsLabel = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, {
  error: 'a name of lower-case letters, digits and dashes, at most 63',
})
export const path = z
  .string()
  .min(1)
  .refine(value => !value.startsWith('/') && !value.split('/').includes('..'), {
    error: 'a path inside the repository, without ..',
  })
export const clusterPlace = z.string().regex(placePattern, { error: acceptedPlace })
export const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
  error:
    'the name of an environment variable, like SLACK_WEBHOOK_URL; its value is a secret, and has no place here',
})
const environmentVariables = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'an environment variable name' }),
  z.string(),
)

export const kubernetes = z.strictObject({
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

export const docker = z
  .strictObject({
    kind: z.literal('docker'),
    container: dnsLabel.describe('Name of the container that serves.'),
    ports: z
      .array(
        z.string().regex(/^(\d{1,3}(\.\d{1,3}){3}:)?\d{1,5}:\d{1,5}(\/(tcp|udp|sctp))?$/, {
          error: 'HOST:CONTAINER, like 3001:3000 or 8125:8125/udp',
        }),
      )
      .min(1),
    host: z
      .string()
      .min(1)
      .optional()
      .describe('Docker engine, as DOCKER_HOST has it; default: DOCKER_HOST, else the local one.'),
    'allow-plain-tcp': z
      .boolean()
      .optional()
      .describe(
        'Speak to an engine at tcp:// without TLS, where the network to it is protected otherwise; default: refused, but on this machine.',
      ),
    env: environmentVariables.optional().describe('Plain configuration; the env-file is for secrets.'),
    network: z
      .string()
      .regex(/^(?!none$)[^:]+$/, {
        error:
          'the name of a network, bridge or host; with none, or in the network of another container, the ports of the service cannot be published',
      })
      .optional()
      .describe(
        'Network that the container joins; with host, the previous container ends before the new one starts.',
      ),
    volumes: z
      .array(
        z.string().regex(/^([a-zA-Z0-9][\w.-]+|\/[^:]*):\/[^:]+(:(ro|rw))?$/, {
          error: 'VOLUME:/PATH or /FOLDER:/PATH, like orders-data:/data or /srv/orders/config:/config:ro',
        }),
      )
      .optional()
      .describe(
        'Volumes and folders of the host that the container has; others that the previous container had, and those that the image declares, are taken over as they are.',
      ),
    'shared-volumes': z
      .array(z.string().regex(/^\//, { error: 'a container path that begins with /' }))
      .optional()
      .describe(
        'Container paths of volumes to which the previous and the new container may write at once; default: where both would, the previous one ends before the new one starts.',
      ),
    memory: size
      .optional()
      .describe('Most memory that the container may have, like 512MiB; default: no limit.'),
    restart: z.enum(['no', 'on-failure', 'always', 'unless-stopped']).optional(),
  })
  .superRefine(({ network, ports, volumes = [] }, context) => {
    const fault = faultOfPorts(ports)
    if (fault) context.addIssue({ code: 'custom', path: ['ports', fault.index], message: fault.accepted })
    for (const [index, port] of ports.entries()) {
      const [host, container] = port.replace(/\/.*/, '').split(':').slice(-2)
      if (network === 'host' && host !== container)
        context.addIssue({
          code: 'custom',
          path: ['ports', index],
          message: `${container ?? ''}:${container ?? ''}, since the ports of the container are those of the host with network: host`,
        })
    }
    const paths = volumes.map(text => withoutEnd(text.split(':')[1] ?? '', '/'))
    for (const [index, path] of paths.entries())
      if (paths.indexOf(path) !== index)
        context.addIssue({
          code: 'custom',
          path: ['volumes', index],
          message: `each path once; ${path} is named before`,
        })
  })

export const processTarget = z.strictObject({
  kind: z.literal('process'),
  app: dnsLabel.describe("Name of the app in the user's pm2."),
  directory: path.describe('Where the releases and the link to the current one are kept.'),
  source: path
    .describe('What is copied into a release, as git knows it; default: the repository.')
    .optional(),
  start: z.string().min(1).describe('Script that pm2 starts, relative to the release.'),
  'install-variables': z
    .array(variableName)
    .min(1)
    .optional()
    .describe(
      'Names of variables of this machine that the installation of packages, and so their install scripts, get; default: those that .npmrc names as ${NODE_AUTH_TOKEN}, ${NPM_...} or ${YARN_...}, beside PATH, HOME, language, proxies and the like.',
    ),
  env: environmentVariables.optional(),
})
