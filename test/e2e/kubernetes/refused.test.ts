import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { openStage, type Stage } from '../rollback/stage.ts'
import { enterRoom, type Room } from './cluster.ts'
import { configMap, deployment, service } from './manifests.ts'

let room: Room
let stage: Stage
beforeAll(async () => {
  room = enterRoom('refused')
  stage = openStage(room)
  await stage
    .run({ manifests: { 'app.yaml': app(), 'config.yaml': configMap({ A: '1' }) } })
    .release('v1.0.0')
})
afterAll(async () => {
  await stage.leave()
  await room.leave()
})

/** No pod has to start for these: what is looked at is what the API server takes. */
const app = (more: Parameters<typeof deployment>[0] = {}) => deployment({ replicas: 0, ...more })
const versions = () =>
  room.kubectl('get', 'deployment,configmap,service', '-o', 'jsonpath={.items[*].metadata.resourceVersion}')
const deploy = (manifests: Record<string, string>, inputs: Record<string, string> = {}) =>
  stage.run({ manifests }).deploy('v1.1.0', inputs)

describe('a release that is refused', () => {
  let before = ''
  const untouched = () => {
    expect(versions()).toBe(before)
  }
  beforeAll(() => {
    before = versions()
  })
  afterEach(async () => {
    const next = await stage.run({ manifests: { 'app.yaml': app() } }).rollback()
    expect(next.reason).toBe('nothing-to-restore')
  })

  test('by a policy is so before anything is touched, with the policy named', async () => {
    const name = `no-latest-${room.namespace}`
    policy(name, `!has(object.metadata.labels.forbidden)`, 'the label forbidden is not allowed here')
    try {
      const labelled = app().replace('name: probe\nspec', 'name: probe\n  labels: { forbidden: "yes" }\nspec')
      const denied = () => {
        try {
          room.kubectlApply(labelled, '--dry-run=server', '--server-side', '--force-conflicts')
          return false
        } catch {
          return true
        }
      }
      await until(denied)
      const { reason, summary, next } = await deploy({ 'app.yaml': labelled })
      expect(reason).toBe('admission-refused')
      expect(summary).toContain('the label forbidden is not allowed here')
      expect(next).toContain(name)
      untouched()
    } finally {
      room.kubectl('delete', 'validatingadmissionpolicy,validatingadmissionpolicybinding', name)
    }
  })

  test('because its pods would exceed a LimitRange, or a quota', async () => {
    room.kubectlApply(
      `apiVersion: v1\nkind: LimitRange\nmetadata: { name: small }\nspec: { limits: [{ type: Container, max: { memory: 64Mi } }] }\n`,
    )
    const large = app({
      replicas: 1,
      container: '          resources: { limits: { memory: 1Gi } }\n',
    })
    const limited = await deploy({ 'app.yaml': large })
    expect(limited.reason).toBe('quota-exceeded')
    expect(limited.summary).toMatch(/maximum memory usage per Container is 64Mi/)
    room.kubectl('delete', 'limitrange', 'small')
    room.kubectlApply(
      'apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: none }\nspec: { hard: { pods: "0" } }\n',
    )
    await until(() => room.kubectl('get', 'resourcequota', 'none', '-o', 'jsonpath={.status.hard}') !== '')
    const full = await deploy({ 'app.yaml': app({ replicas: 1 }) })
    expect(full.reason).toBe('quota-exceeded')
    expect(full.next).toContain('ResourceQuota none')
    room.kubectl('delete', 'resourcequota', 'none')
    untouched()
  })

  test('because of several objects, which are all named', async () => {
    const { reason, summary, evidence } = await deploy({
      'app.yaml': app()
        .replace('matchLabels: { app: probe }', 'matchLabels: { app: other }')
        .replace('labels: { app: probe }', 'labels: { app: other }'),
      'config.yaml': configMap({ A: '2' }).replace('\ndata:', '\ndta: {}\ndata:'),
    })
    expect(reason).toBe('manifest-invalid')
    expect(summary).toMatch(/^2 objects are refused/)
    expect(summary).toContain('field is immutable')
    expect(summary).toContain('field not declared in schema')
    expect(evidence.map(({ detail }) => detail)).toContainEqual(
      expect.stringMatching(/give the Deployment a new name/),
    )
    untouched()
  })

  test('because an immutable field changes, with the way out', async () => {
    const moved = app()
      .replace('matchLabels: { app: probe }', 'matchLabels: { app: other }')
      .replace('labels: { app: probe }', 'labels: { app: other }')
    const { reason, next } = await deploy({ 'app.yaml': moved, 'config.yaml': configMap({ A: '1' }) })
    expect(reason).toBe('immutable-field')
    expect(next).toMatch(/give the Deployment a new name/)
    untouched()
  })

  test('because an object is another service’s', async () => {
    room.kubectlApply(
      configMap({ A: '1' }, 'shared').replace(
        'name: shared',
        'name: shared, labels: { runbook/service: billing }',
      ),
    )
    const { reason, summary } = await deploy({
      'app.yaml': app(),
      'config.yaml': configMap({ A: '1' }),
      'shared.yaml': configMap({ A: '2' }, 'shared'),
    })
    expect(reason).toBe('field-conflict')
    expect(summary).toContain('ConfigMap ' + room.namespace + '/shared belongs to the service billing')
    room.kubectl('delete', 'configmap', 'shared')
    untouched()
  })
})

test('a paused Deployment stops a release, unless the manifest resumes it', async () => {
  const manifests = { 'app.yaml': app(), 'config.yaml': configMap({ A: '1' }) }
  room.kubectl('rollout', 'pause', 'deployment/probe')
  const changed = {
    ...manifests,
    'app.yaml': app({ container: '          env: [{ name: B, value: "1" }]\n' }),
  }
  const stopped = await deploy(changed)
  expect(stopped.reason).toBe('workload-paused')
  expect(stopped.next).toContain('kubectl rollout resume deployment/probe')
  expect(room.kubectl('get', 'deployment', 'probe', '-o', 'jsonpath={.spec.paused}')).toBe('true')

  const run = stage.run({
    manifests: {
      ...changed,
      'app.yaml': changed['app.yaml'].replace('spec:\n  replicas', 'spec:\n  paused: false\n  replicas'),
    },
  })
  await run.release('v1.1.0')
  expect(room.kubectl('get', 'deployment', 'probe', '-o', 'jsonpath={.spec.paused}')).not.toBe('true')
})

test('a field of another manager is taken when that is asked for, and the log says so', async () => {
  room.kubectl('patch', 'configmap', 'probe-config', '-p', '{"data":{"A":"by hand"}}')
  const run = stage.run({ manifests: { 'app.yaml': app(), 'config.yaml': configMap({ A: '2' }) } })
  const stopped = await run.deploy('v1.2.0')
  expect(stopped).toMatchObject({ reason: 'field-conflict' })
  expect(stopped.summary).toContain('data.A belongs to kubectl-patch')
  const forced = await run.deploy('v1.2.0', { 'force-conflicts': 'true' })
  expect(forced.reason).toBe('done')
  expect(run.logged).toContainEqual(expect.stringMatching(/data\.A is taken from kubectl-patch/))
  expect(run.logged.join('\n')).toContain('-  A: by hand\n  +  A: "2"')
  expect((await run.finish(forced)).reason).toBe('settled-good')
})

test('an older version is refused by the dry run as by the deploy', async () => {
  const run = stage.run({ manifests: { 'app.yaml': app(), 'config.yaml': configMap({ A: '2' }) } })
  const words = {
    status: 'failure',
    reason: 'downgrade-refused',
    next: 'To go back, run rollback with to: v0.9.0.',
  }
  expect(await run.deploy('v0.9.0', { 'dry-run': 'true' })).toMatchObject(words)
  expect(await run.deploy('v0.9.0')).toMatchObject(words)
})

test('replicas are let go of when an autoscaler comes, and never go to 1', async () => {
  const scaler =
    'apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: probe }\nspec: { scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: probe }, minReplicas: 2, maxReplicas: 3 }\n'
  const run = stage.run({
    manifests: { 'app.yaml': app(), 'hpa.yaml': scaler, 'config.yaml': configMap({ A: '2' }) },
  })
  const plan = await run.deploy('v1.2.1', { 'dry-run': 'true' })
  expect(plan.evidence.map(({ detail }) => detail ?? '').join('\n')).not.toContain('replicas')
  const replicas = () => room.kubectl('get', 'deployment', 'probe', '-o', 'jsonpath={.spec.replicas}')
  expect(replicas()).toBe('0')
  await run.release('v1.2.1')
  expect(replicas()).toBe('0')
  // Without the scaler again, the manifest's number counts.
  const back = stage.run({ manifests: { 'app.yaml': app(), 'config.yaml': configMap({ A: '2' }) } })
  await back.release('v1.2.2')
  expect(back.logged).toContainEqual(
    expect.stringMatching(/Removed HorizontalPodAutoscaler .*: it left the manifests/),
  )
})

describe('a refusal in the middle of an apply', () => {
  /** Each ConfigMap alone would be let in; both are too many. */
  const leaveRoomFor = async (count: number) => {
    const there = room.kubectl('get', 'configmap', '-o', 'name').trim().split('\n').length
    const hard = JSON.stringify({ 'count/configmaps': String(there + count) })
    room.kubectlApply(
      `apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: few }\nspec: { hard: ${hard} }\n`,
    )
    const used = () =>
      room.kubectl('get', 'resourcequota', 'few', '-o', 'jsonpath={.status.used.count/configmaps}')
    await until(() => used() === String(there))
  }
  const added = `${configMap({}, 'one-more')}---\n${configMap({}, 'two-more')}`

  test('is undone at once: what served is back, and a rollback finds nothing to do', async () => {
    await leaveRoomFor(1)
    const run = stage.run({
      manifests: { 'app.yaml': app(), 'config.yaml': configMap({ A: '3' }), 'added.yaml': added },
    })
    const outcome = await run.deploy('v1.3.0')
    // It has no instances here, so nothing receives traffic.
    expect(outcome).toMatchObject({ status: 'failure', reason: 'apply-undone', serving: '' })
    expect(outcome.summary).toMatch(/undone: v1\.2\.2 \(r\d+\) serves as before.*exceeded quota: few/)
    expect(outcome.outputs['changed']).toBe('false')
    expect(room.kubectl('get', 'configmap', '-o', 'name')).not.toMatch(/one-more|two-more/)
    expect(room.kubectl('get', 'configmap', 'probe-config', '-o', 'jsonpath={.data.A}')).toBe('2')
    expect((await (await run.ports.openTarget()).live()).version).toBe('v1.2.2')
    for (const to of ['last-good', '']) {
      const after = await run.rollback({ to })
      expect(after).toMatchObject({ status: 'success', reason: 'nothing-to-settle', serving: '' })
    }
    room.kubectl('delete', 'resourcequota', 'few')
  })

  test('of a first release removes what that had made, and nothing else', async () => {
    const empty = enterRoom('refused-first')
    const first = openStage(empty)
    try {
      empty.kubectlApply(configMap({ MINE: '1' }, 'was-here'))
      const there = empty.kubectl('get', 'configmap', '-o', 'name').trim().split('\n').length
      empty.kubectlApply(
        `apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: few }\nspec: { hard: { count/configmaps: "${there + 1}" } }\n`,
      )
      await until(() => empty.kubectl('get', 'resourcequota', 'few', '-o', 'jsonpath={.status.used}') !== '')
      const run = first.run({
        manifests: {
          'app.yaml': app(),
          'service.yaml': service,
          'was.yaml': configMap({ MINE: '1' }, 'was-here'),
          'added.yaml': added,
        },
      })
      const outcome = await run.deploy('v1.0.0')
      expect(outcome).toMatchObject({ status: 'failure', reason: 'apply-undone', serving: '' })
      expect(outcome.summary).toContain('it was the first release, and what it had made is removed')
      const left = empty.kubectl('get', 'configmap,service,deployment', '-o', 'name')
      expect(left).not.toMatch(/-more|probe/)
      expect(left).toContain('was-here')
      expect(await run.rollback({ to: 'last-good' })).toMatchObject({ reason: 'nothing-to-settle' })
    } finally {
      await first.leave()
      await empty.leave()
    }
  })
})

function policy(name: string, expression: string, message: string): void {
  room.kubectlApply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'List',
      items: [
        {
          apiVersion: 'admissionregistration.k8s.io/v1',
          kind: 'ValidatingAdmissionPolicy',
          metadata: { name },
          spec: {
            failurePolicy: 'Fail',
            matchConstraints: {
              resourceRules: [
                {
                  apiGroups: ['apps'],
                  apiVersions: ['v1'],
                  operations: ['CREATE', 'UPDATE'],
                  resources: ['deployments'],
                },
              ],
            },
            validations: [{ expression, message }],
          },
        },
        {
          apiVersion: 'admissionregistration.k8s.io/v1',
          kind: 'ValidatingAdmissionPolicyBinding',
          metadata: { name },
          spec: {
            policyName: name,
            validationActions: ['Deny'],
            matchResources: {
              namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': room.namespace } },
            },
          },
        },
      ],
    }),
  )
}

async function until(condition: () => boolean): Promise<void> {
  const giveUp = Date.now() + 20_000
  while (!condition()) {
    if (Date.now() > giveUp) throw new Error('the cluster did not come to the state that the test needs')
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
