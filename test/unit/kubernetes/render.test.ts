import { describe, expect, test } from '@jest/globals'
import { objectsOf } from '../../../shared/targets/kubernetes/apply/apply.ts'
import { readDocuments } from '../../../shared/targets/kubernetes/manifests/documents.ts'
import { objectsIn } from '../../../shared/targets/kubernetes/manifests/manifests.ts'
import { podTemplate } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import { renderObjects } from '../../../shared/targets/kubernetes/manifests/render.ts'

const digest = `sha256:${'a'.repeat(64)}`
const image = `registry.example.com:5000/team/runbook-api@${digest}`
const spec = { namespace: 'production', workload: 'deployment/runbook-api', manifests: 'k8s' }

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: runbook-api }
spec:
  replicas: 3
  template:
    spec:
      initContainers: [{ name: migrate, image: 'runbook-api:dev' }]
      containers:
        - name: app
          image: docker.io/library/runbook-api
          envFrom: [{ configMapRef: { name: config } }, { secretRef: { name: runbook-api-env } }]
        - { name: proxy, image: 'envoy:v1' }
`
const config = `
apiVersion: v1
kind: ConfigMap
metadata: { name: config }
data: { A: '1' }
`
const scaler = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: runbook-api }
spec: { scaleTargetRef: { kind: Deployment, name: runbook-api } }
`

function render(texts: string[], values: Record<string, string> = {}) {
  const read = texts.flatMap(text => objectsIn('k8s', readDocuments('a.yaml', text), 'production').objects)
  const body = renderObjects(read, 'runbook-api', spec, { version: 'v1.2.3', image, config: values })
  const of = (kind: string) => {
    const found = body.manifests.find(each => each.kind === kind)
    if (!found) throw new Error(`no ${kind} was rendered`)
    return found
  }
  const hash = podTemplate(of('Deployment'))?.metadata?.annotations?.['runbook/config-hash']
  return { body, of, hash }
}

describe('rendering', () => {
  test('pins every container of the image, init containers too, and no other', () => {
    const template = podTemplate(render([deployment]).of('Deployment'))
    expect(template?.spec.initContainers?.[0]?.image).toBe(image)
    expect(template?.spec.containers.map(container => container.image)).toEqual([image, 'envoy:v1'])
  })

  test('refuses manifests without the image, or without the workload', () => {
    expect(() =>
      render([deployment.replaceAll('runbook-api:dev', 'x').replace('library/runbook-api', 'y')]),
    ).toThrow(
      /: no container has the image runbook-api, which is what is deployed; found: "x, docker\.io\/y, envoy:v1"/,
    )
    expect(() => render([deployment.replace('name: runbook-api', 'name: other')])).toThrow(
      /deployment\/runbook-api/,
    )
  })

  test('makes the Secret of the env-file, and refuses a second one', () => {
    const { of } = render([deployment], { DATABASE_URL: 'postgres://x' })
    expect(of('Secret')).toMatchObject({
      metadata: { name: 'runbook-api-env', namespace: 'production' },
      data: { DATABASE_URL: Buffer.from('postgres://x').toString('base64') },
    })
    const own = 'apiVersion: v1\nkind: Secret\nmetadata: { name: runbook-api-env }\n'
    expect(() => render([deployment, own], { A: 'b' })).toThrow(/made from the env-file too/)
    expect(render([deployment, own]).of('Secret')['data']).toBeUndefined()
  })

  test('writes stringData as data, so that a key that leaves it goes', () => {
    const own =
      'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { A: hello }\ndata: { B: eA== }\n'
    const secret = render([deployment, own]).of('Secret')
    expect(secret['data']).toEqual({ A: 'aGVsbG8=', B: 'eA==' })
    expect(secret['stringData']).toBeUndefined()
  })

  test('leaves the replicas of a scaled workload to its scaler', () => {
    expect(render([deployment]).of('Deployment').spec?.['replicas']).toBe(3)
    expect(render([deployment, scaler]).of('Deployment').spec).not.toHaveProperty('replicas')
    const ofOther = scaler.replace('kind: Deployment', 'kind: StatefulSet, apiVersion: apps/v1')
    expect(render([deployment, ofOther]).of('Deployment').spec?.['replicas']).toBe(3)
  })

  test('marks pod templates with a hash of the configuration that they use, and of nothing else', () => {
    const plain = render([deployment, config], { A: 'b' }).hash
    expect(plain).toMatch(/^[0-9a-f]{16}$/)
    expect(render([deployment, config], { A: 'b' }).hash).toBe(plain)
    expect(render([deployment, config.replace("'1'", "'2'")], { A: 'b' }).hash).not.toBe(plain)
    expect(render([deployment, config], { A: 'c' }).hash).not.toBe(plain)
    expect(render([deployment, config, config.replace('name: config', 'name: other')], { A: 'b' }).hash).toBe(
      plain,
    )
    expect(render([deployment]).hash).toBeUndefined()
  })

  test('gives a body that survives being stored, and says the same each time', () => {
    const { body } = render([scaler, deployment, config], { A: 'b' })
    expect(JSON.parse(JSON.stringify(body))).toEqual(body)
    expect(JSON.stringify(render([scaler, deployment, config], { A: 'b' }).body)).toBe(JSON.stringify(body))
    expect(body.manifests.map(({ kind }) => kind)).toEqual([
      'ConfigMap',
      'Secret',
      'HorizontalPodAutoscaler',
      'Deployment',
    ])
  })

  test('the release is marked on the objects alone, never on pod templates', () => {
    const { body } = render([deployment, config])
    const [first] = objectsOf(body, 'r4', 'runbook-api')
    const second = objectsOf(body, 'r4', 'runbook-api').find(({ kind }) => kind === 'Deployment')
    expect(first?.metadata.labels).toEqual({ 'runbook/service': 'runbook-api', 'runbook/release': 'r4' })
    expect(second?.metadata.annotations).toEqual({
      'runbook/version': 'v1.2.3',
      'runbook/image': image,
      'runbook/containers': 'migrate,app',
    })
    expect(JSON.stringify(second && podTemplate(second))).not.toContain('r4')
  })

  test('Jobs are named for their release', () => {
    const job =
      'apiVersion: batch/v1\nkind: Job\nmetadata: { name: migrate }\nspec: { template: { spec: { containers: [] } } }\n'
    const names = objectsOf(render([deployment, job]).body, 'r4', 's').map(({ metadata }) => metadata.name)
    expect(names).toContain('migrate-r4')
  })
})
