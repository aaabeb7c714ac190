import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { enterRoom, type Room } from './cluster.ts'
import { configMap } from './manifests.ts'
import { app, readObject, thereAndBack } from './there-and-back.ts'

let room: Room
beforeAll(() => {
  room = enterRoom('one-way-refused')
})
afterAll(() => room.leave())

const jsonOf = (...args: string[]) => readObject(room, ...args)

test('restores everything but the one object that is refused, and says what to do about it', async () => {
  const name = `no-old-${room.namespace}`
  const policy = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: ${name} }
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ${room.namespace} } }
    resourceRules: [{ apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps] }]
  validations: [{ expression: "!has(object.data) || !('FLAG' in object.data) || object.data.FLAG != 'old'", message: the old flag is forbidden }]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: { name: ${name} }
spec: { policyName: ${name}, validationActions: [Deny] }
`
  const manifests = (flag: string, seconds: number) => ({
    'app.yaml': app({ spec: `  minReadySeconds: ${seconds}\n` }),
    'config.yaml': configMap({ FLAG: flag }),
  })
  try {
    const { refused, drift } = await thereAndBack(room, manifests('old', 1), manifests('new', 2), {
      async between() {
        room.kubectlApply(policy)
        await until(() => {
          try {
            room.kubectlApply(configMap({ FLAG: 'old' }, 'trial'), '--dry-run=server')
            return false
          } catch {
            return true
          }
        })
      },
    })
    expect(jsonOf('deployment', 'probe').spec['minReadySeconds']).toBe(1)
    expect(drift).toEqual([
      {
        object: `ConfigMap ${room.namespace}/probe-config`,
        what: expect.stringContaining('the old flag is forbidden'),
        by: '',
      },
    ])
    expect(refused).toEqual([
      {
        object: `ConfigMap ${room.namespace}/probe-config`,
        why: expect.stringContaining('the old flag is forbidden'),
        remedy: 'Have the policy or webhook admit the recorded ConfigMap, then run the rollback again.',
      },
    ])
  } finally {
    room.kubectl('delete', 'validatingadmissionpolicy,validatingadmissionpolicybinding', name)
  }
})

test('removes a webhook of the withdrawn release before anything that it would refuse', async () => {
  const webhook = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: { name: ill-${room.namespace} }
webhooks:
  - name: ill.example.com
    admissionReviewVersions: [v1]
    sideEffects: None
    failurePolicy: Fail
    timeoutSeconds: 1
    namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ${room.namespace} } }
    rules: [{ apiGroups: [''], apiVersions: [v1], operations: [UPDATE], resources: [configmaps] }]
    clientConfig: { service: { namespace: ${room.namespace}, name: absent } }
`
  const { refused, drift } = await thereAndBack(
    room,
    { 'app.yaml': app(), 'config.yaml': configMap({ A: '1' }) },
    { 'app.yaml': app(), 'config.yaml': configMap({ A: '2' }), 'webhook.yaml': webhook },
  )
  expect([refused, drift]).toEqual([[], []])
  expect(jsonOf('configmap', 'probe-config').data).toEqual({ A: '1' })
})

async function until(holds: () => boolean): Promise<void> {
  const giveUp = Date.now() + 30_000
  while (!holds()) {
    if (Date.now() > giveUp) throw new Error('it did not come to hold within 30 s')
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
