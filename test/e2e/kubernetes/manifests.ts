/** What a test changes about the plain workload. */
export interface Variation {
  /** Shell script that runs instead of the web server. */
  script?: string
  replicas?: number
  /** Further lines of the container, indented by 10. */
  container?: string
  /** Further containers, indented by 8. */
  containers?: string
  image?: string
  readiness?: string
}

const plainReadiness = `          readinessProbe:
            httpGet: { path: /, port: 3000 }
            periodSeconds: 1
`

/** A Deployment `probe` of the busybox image that serves on port 3000. */
export function deployment(variation: Variation = {}): string {
  const { script, replicas = 1, container = '', containers = '', image = 'e2e-probe', readiness } = variation
  const command = script === undefined ? '' : `          command: [sh, -c, ${JSON.stringify(script)}]\n`
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: probe
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: probe } }
  strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  template:
    metadata: { labels: { app: probe } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
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
