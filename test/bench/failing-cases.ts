import { configMap, deployment } from '../e2e/kubernetes/manifests.ts'

/** A release that cannot become ready, after one that did. */
export interface FailingCase {
  name: string
  manifests: Record<string, string>
  /** Of the release before it, when that is not the plain one. */
  before?: Record<string, string>
  /** What the namespace holds before the bad release comes, as YAML; `good` is there already. */
  obstacle?: (namespace: string) => string
  /**
   * What shows that it cannot be: the `cluster` itself, within 8 s; the `answer` to a probe, which comes as soon as the
   * kubelet probes twice; or `time` alone, since a slow start looks the same.
   */
  shownBy: 'cluster' | 'answer' | 'time'
}

const app = (variation: Parameters<typeof deployment>[0]) => ({ 'app.yaml': deployment(variation) })
const indent = (lines: string[]) => lines.map(line => `          ${line}\n`).join('')

/** The release before each of them. */
export const good: Record<string, string> = app({})

/** Each is one line of the release's manifests, or of the namespace, away from the good one. */
export const failingCases: FailingCase[] = [
  {
    name: 'missing image',
    manifests: app({ containers: '        - name: side\n          image: localhost:5000/no-such-image:1\n' }),
    shownBy: 'cluster',
  },
  {
    name: 'crash loop',
    manifests: app({ script: 'echo cannot find my hat; exit 3' }),
    shownBy: 'cluster',
  },
  {
    name: 'failing readiness',
    manifests: app({
      readiness: indent([
        'startupProbe: { httpGet: { path: /, port: 3000 }, periodSeconds: 1, failureThreshold: 5 }',
        'readinessProbe: { httpGet: { path: /nothing, port: 3000 }, periodSeconds: 1, failureThreshold: 3 }',
      ]),
    }),
    shownBy: 'answer',
  },
  ...([1, 2, 10] as const).map((period): FailingCase => ({
    name: `failing readiness, every ${period} s${period === 1 ? ', one failure is enough' : ''}`,
    manifests: app({
      readiness: indent([
        `readinessProbe: { httpGet: { path: /nothing, port: 3000 }, periodSeconds: ${period}, failureThreshold: ${period === 1 ? 1 : 3} }`,
      ]),
    }),
    shownBy: 'answer',
  })),
  {
    name: 'nothing listens',
    manifests: app({
      script: 'sleep 100000',
      readiness: indent(['readinessProbe: { httpGet: { path: /, port: 3000 }, periodSeconds: 2 }']),
    }),
    shownBy: 'time',
  },
  {
    name: 'bad command',
    manifests: app({ container: indent(['command: [/bin/no-such-program]']) }),
    shownBy: 'cluster',
  },
  {
    name: 'missing ConfigMap key',
    manifests: {
      ...app({
        container: indent([
          'env: [{ name: A, valueFrom: { configMapKeyRef: { name: probe-config, key: nope } } }]',
        ]),
      }),
      'config.yaml': configMap({ here: 'x' }),
    },
    shownBy: 'cluster',
  },
  {
    name: 'unschedulable',
    manifests: app({ container: indent(['resources: { requests: { memory: 900Gi } }']) }),
    shownBy: 'cluster',
  },
  {
    name: 'quota',
    manifests: app({ container: indent(['env: [{ name: A, value: b }]']) }),
    obstacle: namespace => `apiVersion: v1
kind: ResourceQuota
metadata: { name: bench, namespace: ${namespace} }
spec: { hard: { pods: '1' } }
`,
    shownBy: 'cluster',
  },
  {
    name: 'admission refusal',
    manifests: app({ container: indent(['env: [{ name: REFUSE, value: me }]']) }),
    obstacle: namespace => `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: ${namespace} }
spec:
  matchConstraints:
    namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ${namespace} } }
    resourceRules: [{ apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods] }]
  validations:
    - expression: object.spec.containers.all(c, !has(c.env) || c.env.all(e, e.name != 'REFUSE'))
      message: such a pod is not wanted here
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: { name: ${namespace} }
spec: { policyName: ${namespace}, validationActions: [Deny] }
`,
    shownBy: 'cluster',
  },
  {
    // A service of one pod would be updated before it happens: several are replaced one after the other.
    name: 'OOM soon after Ready',
    before: app({ replicas: 3 }),
    manifests: app({
      replicas: 3,
      script: 'httpd -p 3000 -h /www; sleep 2; x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done',
      container: indent(['resources: { limits: { memory: 16Mi } }']),
    }),
    shownBy: 'cluster',
  },
]
