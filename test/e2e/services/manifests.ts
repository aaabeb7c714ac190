import type { Place } from './service.ts'

export const service = (name: string, port: number, { nodePort }: Place) => `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec:
  type: NodePort
  selector: { app.kubernetes.io/name: ${name} }
  ports: [{ name: http, port: 80, targetPort: ${port}, nodePort: ${nodePort} }]
`

const restricted = `securityContext: { runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: { type: RuntimeDefault } }`

/** A Deployment with one container, as many teams write it: recommended labels, no namespace. */
export function deployment(name: string, container: string, rest = '', replicas = 2): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, labels: { app.kubernetes.io/name: ${name} } }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app.kubernetes.io/name: ${name} } }
  template:
    metadata: { labels: { app.kubernetes.io/name: ${name} } }
    spec:
      ${restricted}
      containers:
${container.replaceAll(/^/gm, '        ').trimEnd()}
${rest.replaceAll(/^/gm, '      ').trimEnd()}
`
}

export const probe = (path: string, port: number) =>
  `readinessProbe: { httpGet: { path: ${path}, port: ${port} }, periodSeconds: 1 }`

/** A volume of this node, for a claim that asks for nothing but a name. */
export const volume = (claim: string, { namespace, folder }: Place) => `apiVersion: v1
kind: PersistentVolume
metadata: { name: ${namespace} }
spec:
  capacity: { storage: 64Mi }
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: ''
  claimRef: { namespace: ${namespace}, name: ${claim} }
  hostPath: { path: ${folder}, type: DirectoryOrCreate }
`

export async function answer(url: string, init?: RequestInit): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000), ...init })
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return response.text()
}
