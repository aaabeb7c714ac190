import { configMap, deployment } from '../e2e/kubernetes/manifests.ts'

/** A release that cannot become ready, after one that did. */
export interface DoomedCase {
  name: string
  manifests: Record<string, string>
  /** Of the release before it, when that is not the plain one. */
  before?: Record<string, string>
  /** What the namespace holds before the bad release comes, as YAML; `good` is there already. */
  obstacle?: (namespace: string) => string
  /** Whether the cluster itself says within 8 s that it cannot be: then we must, too. */
  clusterKnows: boolean
}

const app = (variation: Parameters<typeof deployment>[0]) => ({ 'app.yaml': deployment(variation) })
const indent = (lines: string[]) => lines.map(line => `          ${line}\n`).join('')

/** The release before each of them. */
export const good: Record<string, string> = app({})

/** Each is one line of the release's manifests, or of the namespace, away from the good one. */
export const doomedCases: DoomedCase[] = [
  {
    name: 'missing image',
    manifests: app({ containers: '        - name: side\n          image: localhost:5000/no-such-image:1\n' }),
    clusterKnows: true,
  },
  {
    name: 'crash loop',
    manifests: app({ script: 'echo cannot find my hat; exit 3' }),
    clusterKnows: true,
  },
  {
    name: 'failing readiness',
    manifests: app({
      readiness: indent([
        'startupProbe: { httpGet: { path: /, port: 3000 }, periodSeconds: 1, failureThreshold: 5 }',
        'readinessProbe: { httpGet: { path: /nothing, port: 3000 }, periodSeconds: 1, failureThreshold: 3 }',
      ]),
    }),
    // Nothing but the probes' own patience tells it from a slow start.
    clusterKnows: false,
  },
  {
    name: 'bad command',
    manifests: app({ container: indent(['command: [/bin/no-such-program]']) }),
    clusterKnows: true,
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
    clusterKnows: true,
  },
  {
    name: 'unschedulable',
    manifests: app({ container: indent(['resources: { requests: { memory: 900Gi } }']) }),
    clusterKnows: true,
  },
  {
    name: 'quota',
    manifests: app({ container: indent(['env: [{ name: A, value: b }]']) }),
    obstacle: namespace => `apiVersion: v1
kind: ResourceQuota
metadata: { name: bench, namespace: ${namespace} }
spec: { hard: { pods: '1' } }
`,
    clusterKnows: true,
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
    clusterKnows: true,
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
    clusterKnows: true,
  },
]
