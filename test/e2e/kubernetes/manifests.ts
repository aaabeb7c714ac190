/** What a test changes about the plain workload. */
export interface Variation {
  /** `probe` when it is not given. */
  name?: string
  /** Shell script that runs instead of the web server. */
  script?: string
  replicas?: number
  /** Further lines of the container, indented by 10. */
  container?: string
  /** Further containers, indented by 8. */
  containers?: string
  image?: string
  readiness?: string
  /** Init containers, indented by 8. */
  initContainers?: string
  /** Further lines of the pod's specification, indented by 6. */
  pod?: string
  /** Further lines of the Deployment's specification, indented by 2. */
  spec?: string
}

const plainReadiness = `          readinessProbe:
            httpGet: { path: /, port: 3000 }
            periodSeconds: 1
`

/** A Deployment of the busybox image that serves on port 3000. */
export function deployment(variation: Variation = {}): string {
  const { name = 'probe', script, replicas = 1, container = '', containers = '' } = variation
  const { image = 'e2e-probe', readiness, initContainers, pod = '', spec = '' } = variation
  const command = script === undefined ? '' : `          command: [sh, -c, ${JSON.stringify(script)}]\n`
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  replicas: ${replicas}
${spec}  selector: { matchLabels: { app: ${name} } }
  strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      terminationGracePeriodSeconds: 0
${pod}${initContainers ? `      initContainers:\n${initContainers}` : ''}      containers:
        - name: app
          image: ${image}
${command}${readiness ?? plainReadiness}${container}${containers}`
}

export const service = `apiVersion: v1
kind: Service
metadata: { name: probe }
spec:
  selector: { app: probe }
  ports: [{ name: http, port: 80, targetPort: 3000 }]
`

/** Scales the Deployment by its CPU. */
export const scaler = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: probe }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: probe }
  minReplicas: 1
  maxReplicas: 3
  metrics: [{ type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 80 } } }]
`

export function configMap(data: Record<string, string>, name = 'probe-config'): string {
  return `apiVersion: v1
kind: ConfigMap
metadata: { name: ${name} }
data: ${JSON.stringify(data)}
`
}

/** Lines of a container that read a whole ConfigMap. */
export const readsConfig = `          envFrom: [{ configMapRef: { name: probe-config } }]
`
