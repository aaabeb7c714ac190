import { configMap, deployment, type Variation } from './manifests.ts'

/** A start that is slow, or stumbles, and is good in the end: it must not be reported as failed. */
export interface SlowStart {
  /** Names its Deployment as well. */
  name: string
  what: string
  manifests: Record<string, string>
  /** How the registry that its image comes from behaves at first. */
  registry?: Trouble
  /** What another client creates a moment after the Deployment is there. */
  late?: Late
}

/** A registry that answers the node so for a while, from the node's first question on. */
export interface Trouble {
  /** An HTTP status; `cut` breaks the connection, `slow` answers well, at the end of the time. */
  answer: number | 'cut' | 'slow'
  forMs: number
}

export interface Late {
  afterMs: number
  /** YAML for the namespace, or a label for the node. */
  brings: { objects: string } | { nodeLabel: string }
}

interface Kind {
  what: string
  variation?: (name: string) => Variation
  registry?: Trouble
  late?: (name: string) => Late
}

const serve = 'exec httpd -f -p 3000 -h /www'
const lines = (indent: number, ...all: string[]) => all.map(line => `${' '.repeat(indent)}${line}\n`).join('')
const probe = (kind: 'readiness' | 'startup' | 'liveness', settings: string) =>
  lines(10, `${kind}Probe: { httpGet: { path: /, port: 3000 }, ${settings} }`)
/** A folder that outlives the container, not the pod. */
const scratch = {
  container: lines(10, 'volumeMounts: [{ name: v, mountPath: /v }]'),
  pod: lines(6, 'volumes: [{ name: v, emptyDir: {} }]'),
}
const initContainer = (name: string, script: string, ...more: string[]) =>
  lines(
    8,
    `- name: ${name}`,
    '  image: e2e-probe',
    `  command: [sh, -c, ${JSON.stringify(script)}]`,
    ...more.map(line => `  ${line}`),
  )

const readyAfter = (seconds: number, replicas = 1): Kind => ({
  what: `${replicas} ready only after ${seconds} s, which nothing announces`,
  variation: () => ({ replicas, script: `sleep ${seconds}; ${serve}` }),
})

const announced = (seconds: number): Kind => ({
  what: `ready after ${seconds} s; an initial delay announces two thirds of it`,
  variation: () => ({
    script: `sleep ${seconds}; ${serve}`,
    readiness: probe(
      'readiness',
      `initialDelaySeconds: ${Math.round((seconds * 2) / 3)}, periodSeconds: 5, failureThreshold: 3`,
    ),
  }),
})

const startup = (seconds: number): Kind => ({
  what: `starts for ${seconds} s under a startupProbe that allows more`,
  variation: () => ({
    script: `sleep ${seconds}; ${serve}`,
    readiness:
      probe('startup', `periodSeconds: 1, failureThreshold: ${seconds + 15}`) +
      probe('readiness', 'periodSeconds: 1'),
  }),
})

const endsOnce = (how: string, after: number, more: string[] = []): Kind => ({
  what: `ends once, after ${after} s (${how}), then runs`,
  variation: () => ({
    script: `[ -e /v/seen ] && ${serve}; touch /v/seen; sleep ${after}; ${how}`,
    ...scratch,
    container: scratch.container + lines(10, ...more),
  }),
})
const eatsMemoryOnce = endsOnce('x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done', 0, [
  'resources: { limits: { memory: 24Mi } }',
])

const servesThenEnds = (after: number): Kind => ({
  what: `ready, ends after ${after} s, then stays`,
  variation: () => ({
    script: `[ -e /v/seen ] && ${serve}; touch /v/seen; httpd -p 3000 -h /www; sleep ${after}; exit 1`,
    ...scratch,
    spec: lines(2, 'minReadySeconds: 5'),
  }),
})

const killedOnce = (after: number): Kind => ({
  what: `killed once by its liveness probe, ${after} s in`,
  variation: () => ({
    script: `[ -e /v/seen ] && ${serve}; touch /v/seen; sleep 300`,
    ...scratch,
    readiness:
      probe('liveness', `periodSeconds: 1, failureThreshold: 2, initialDelaySeconds: ${after}`) +
      probe('readiness', 'periodSeconds: 1'),
  }),
})

const flaps = (every: number): Kind => ({
  what: `its readiness comes and goes every ${every} s before it stays`,
  variation: () => ({
    script: `mkdir -p /tmp/w; httpd -p 3000 -h /tmp/w; for i in 1 2 3; do touch /tmp/w/up; sleep ${every}; busybox rm /tmp/w/up; sleep ${every}; done; touch /tmp/w/up; while true; do sleep 60; done`,
    readiness: lines(
      10,
      'readinessProbe: { httpGet: { path: /up, port: 3000 }, periodSeconds: 1, failureThreshold: 1 }',
    ),
    spec: lines(2, 'minReadySeconds: 5'),
  }),
})

const initialises = (...seconds: number[]): Kind => ({
  what: `init containers of ${seconds.join(' and ')} s`,
  variation: () => ({
    initContainers: seconds.map((each, i) => initContainer(`init-${i}`, `sleep ${each}`)).join(''),
  }),
})

const initialisesAgain = (after: number): Kind => ({
  what: `an init container that fails once, after ${after} s`,
  variation: () => ({
    pod: scratch.pod,
    initContainers: initContainer(
      'first',
      `[ -e /v/seen ] || { touch /v/seen; sleep ${after}; exit 1; }`,
      'volumeMounts: [{ name: v, mountPath: /v }]',
    ),
  }),
})

const sidecar = (seconds: number): Kind => ({
  what: `a sidecar that must be ready first, and takes ${seconds} s`,
  variation: () => ({
    initContainers: initContainer(
      'proxy',
      `sleep ${seconds}; exec httpd -f -p 4000 -h /www`,
      'restartPolicy: Always',
      `startupProbe: { httpGet: { path: /, port: 4000 }, periodSeconds: 1, failureThreshold: ${seconds + 15} }`,
    ),
  }),
})

const companion = (seconds: number): Kind => ({
  what: `a second container that is ready ${seconds} s after the first`,
  variation: () => ({
    containers: initContainer(
      'companion',
      `sleep ${seconds}; exec httpd -f -p 4000 -h /www`,
      'readinessProbe: { httpGet: { path: /, port: 4000 }, periodSeconds: 1 }',
    ),
  }),
})

const hook = (seconds: number): Kind => ({
  what: `a postStart hook of ${seconds} s`,
  variation: () => ({
    container: lines(10, `lifecycle: { postStart: { exec: { command: [sleep, '${seconds}'] } } }`),
  }),
})

const pulls = (answer: Trouble['answer'], seconds: number): Kind => ({
  what: `an image whose registry is in trouble (${answer}) for ${seconds} s`,
  registry: { answer, forMs: seconds * 1_000 },
})

const config = (seconds: number): Kind => ({
  what: `a ConfigMap that comes ${seconds} s late`,
  variation: name => ({ container: lines(10, `envFrom: [{ configMapRef: { name: ${name}-late } }]`) }),
  late: name => ({ afterMs: seconds * 1_000, brings: { objects: configMap({ a: 'b' }, `${name}-late`) } }),
})

const secret = (seconds: number): Kind => ({
  what: `a Secret that comes ${seconds} s late`,
  variation: name => ({
    container: lines(10, `env: [{ name: A, valueFrom: { secretKeyRef: { name: ${name}-late, key: a } } }]`),
  }),
  late: name => ({
    afterMs: seconds * 1_000,
    brings: {
      objects: `apiVersion: v1
kind: Secret
metadata: { name: ${name}-late }
stringData: { a: b }
`,
    },
  }),
})

const volume = (seconds: number): Kind => ({
  what: `a volume whose ConfigMap comes ${seconds} s late`,
  variation: name => ({
    container: lines(10, 'volumeMounts: [{ name: c, mountPath: /c }]'),
    pod: lines(6, `volumes: [{ name: c, configMap: { name: ${name}-late } }]`),
  }),
  late: name => ({ afterMs: seconds * 1_000, brings: { objects: configMap({ a: 'b' }, `${name}-late`) } }),
})

const room = (seconds: number): Kind => ({
  what: `no node for ${seconds} s`,
  variation: name => ({ pod: lines(6, `nodeSelector: { bench/${name}: here }`) }),
  late: name => ({ afterMs: seconds * 1_000, brings: { nodeLabel: `bench/${name}=here` } }),
})

/** One of each kind that is over soon: for a test in every run. */
const quick: Kind[] = [
  readyAfter(12),
  endsOnce('exit 1', 1),
  initialisesAgain(1),
  flaps(2),
  pulls(503, 3),
  config(2),
  killedOnce(3),
  room(1),
]

const further: Kind[] = [
  readyAfter(20),
  readyAfter(30, 3),
  readyAfter(40),
  readyAfter(40, 2),
  announced(15),
  announced(30),
  announced(45),
  startup(5),
  startup(20),
  startup(45),
  endsOnce('exit 0', 0),
  endsOnce('exit 1', 10),
  endsOnce('kill -9 $$', 2),
  endsOnce('exit 143', 5),
  eatsMemoryOnce,
  servesThenEnds(2),
  servesThenEnds(4),
  killedOnce(8),
  flaps(1),
  flaps(3),
  initialises(5),
  initialises(20),
  initialises(40),
  initialises(8, 8),
  initialisesAgain(0),
  initialisesAgain(8),
  sidecar(5),
  sidecar(20),
  companion(10),
  companion(30),
  hook(5),
  hook(15),
  pulls(500, 3),
  pulls(502, 3),
  pulls(429, 3),
  pulls('cut', 3),
  pulls('slow', 8),
  pulls(503, 15),
  config(1),
  volume(2),
  secret(2),
  room(2),
]

export const quickStarts: SlowStart[] = quick.map((kind, index) => make(kind, `start-${index + 1}`))

/** Fifty of them, in Deployments whose names begin so. */
export function startsNamed(prefix: string): SlowStart[] {
  return [...quick, ...further].map((kind, index) => make(kind, `${prefix}-${index + 1}`))
}

function make({ what, variation, registry, late }: Kind, name: string): SlowStart {
  return {
    name,
    what,
    manifests: { 'app.yaml': deployment({ ...variation?.(name), name }) },
    ...(registry ? { registry } : {}),
    ...(late ? { late: late(name) } : {}),
  }
}
