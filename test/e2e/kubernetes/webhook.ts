import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import type { Room } from './cluster.ts'

/** One operation of a JSON patch. */
export interface Operation {
  op: 'add' | 'replace'
  path: string
  value: unknown
}

interface Review {
  request: { uid: string; object?: unknown }
}

/**
 * A mutating webhook for the Deployments of a room, on this machine.
 * @param mutate gives the operations for an object that is created or changed
 * @returns what ends it
 */
export async function startWebhook(
  room: Room,
  mutate: (deployment: unknown) => Operation[],
): Promise<() => void> {
  const host = room.lab.hostIp
  const folder = mkdtempSync(join(tmpdir(), 'webhook-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const certificate = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=webhook']
  execFileSync(
    'openssl',
    [...certificate, '-addext', `subjectAltName=IP:${host}`, '-keyout', key, '-out', cert],
    {
      stdio: 'pipe',
    },
  )
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    let body = ''
    request.on('data', chunk => (body += String(chunk)))
    request.on('end', () => {
      const { request: asked } = JSON.parse(body) as Review
      const patch = mutate(asked.object)
      const answer = {
        uid: asked.uid,
        allowed: true,
        ...(patch.length > 0
          ? { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }
          : {}),
      }
      response.setHeader('content-type', 'application/json')
      response.end(
        JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }),
      )
    })
  })
  await new Promise<void>(resolve => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  room.kubectlApply(`apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: { name: ${room.namespace} }
webhooks:
  - name: rewrite.example.com
    admissionReviewVersions: [v1]
    sideEffects: None
    failurePolicy: Fail
    clientConfig: { url: 'https://${host}:${port}/', caBundle: ${readFileSync(cert).toString('base64')} }
    namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ${room.namespace} } }
    rules:
      - { apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments], scope: Namespaced }
`)
  return () => {
    room.kubectl('delete', 'mutatingwebhookconfiguration', room.namespace)
    server.close()
    rmSync(folder, { recursive: true })
  }
}
