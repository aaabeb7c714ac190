import { afterEach, describe, expect, test } from '@jest/globals'
import { find, unsettled } from '../../../shared/release/ledger.ts'
import type { Environment } from '../../../shared/config/environment.ts'
import { deploy } from '../../../shared/commands/deploy/deploy.ts'
import { deployFields } from '../../../shared/commands/deploy/deploy-fields.ts'
import { finish } from '../../../shared/commands/promote/finish.ts'
import { healthGate, healthGateFields } from '../../../shared/commands/verify/health-gate.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import type { TargetPorts } from '../../../shared/commands/step/ports.ts'
import type { Target } from '../../../shared/targets/target.ts'
import { enterYard, pushImages, until } from '../docker/yard.ts'
import { enterRoom } from '../kubernetes/cluster.ts'
import { deployment } from '../kubernetes/manifests.ts'
import { run as holder, takeFree, release } from '../environment-lock.ts'
import { environmentAt, realPorts } from './ports.ts'

let leave: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const each of leave) await each()
  leave = []
})

/** Steps of one run on a container that is started again when it ends. */
async function openStaging() {
  const yard = enterYard('workload', 23_103, pushImages())
  leave.push(() => yard.leave())
  const { target } = await yard.open({ spec: { restart: 'always' } })
  const environment: Environment = environmentAt(`http://127.0.0.1:${yard.port}`)
  environment.service = yard.container
  environment.gate = { ...environment.gate, paths: ['/'], baselineMs: 3_000 }
  let looked: () => void = () => undefined
  const watched: Target = {
    ...target,
    async vitals() {
      const vitals = await target.vitals()
      looked()
      return vitals
    },
  }
  const ports = (id: string): TargetPorts =>
    realPorts({ run: { ...realPorts().run, id }, openTarget: () => Promise.resolve(watched) })
  const read = (said: Record<string, string>) => (name: string) =>
    ({ environment: 'staging', ...said })[name] ?? ''
  return {
    yard,
    ledger: async () => (await target.read()).ledger,
    deploy: (id: string, version: string) =>
      deploy(environment, parseInputs(deployFields, read({ version, image: yard.images.plain })), ports(id)),
    finish: (id: string, outputs: Record<string, string>) => finish(environment, outputs, ports(id)),
    /** Once, when the gate has looked at the workload for the first time. */
    onLook: (act: () => void) =>
      void (looked = () => {
        looked = () => undefined
        act()
      }),
    gate: (id: string) => healthGate(environment, parseInputs(healthGateFields, read({})), ports(id)),
  }
}

describe('on a Docker engine', () => {
  test('deploy samples the service that it replaces, and the gate fails a release that is restarted', async () => {
    const staging = await openStaging()
    const first = await staging.deploy('one', 'v1.0.0')
    expect(unsettled(await staging.ledger())?.baseline).toBeUndefined()
    await staging.finish('one', first.outputs)

    const second = await staging.deploy('two', 'v1.1.0')
    expect(second.timings.map(({ phase }) => phase)).toContain('baseline')
    const open = unsettled(await staging.ledger())
    expect(open).toMatchObject({ version: 'v1.1.0', baseline: { failed: 0, over: {} } })
    expect(open?.baseline?.ms.length).toBeGreaterThanOrEqual(50)

    const well = await staging.gate('two')
    expect(well.evidence.map(({ subject, tone }) => [subject, tone])).toContainEqual(['workload', 'good'])
    expect(well.evidence[0]?.plot?.before.length).toBeGreaterThan(20)

    const { container } = staging.yard
    const pid = Number(staging.yard.docker('inspect', '-f', '{{.State.Pid}}', container))
    staging.onLook(() => process.kill(pid, 'SIGKILL'))
    const ill = await staging.gate('two')
    expect(ill).toMatchObject({ reason: 'gate-failed', outputs: { verdict: 'fail' } })
    expect(ill.summary).toContain(`container ${container} was restarted`)
    expect(Number(ill.outputs['probes'])).toBeLessThan(60)
    expect(find(await staging.ledger(), 'r2')?.gate).toBe('fail')
  })

  test('a container that is removed by hand after the gate is not recorded good', async () => {
    const staging = await openStaging()
    await staging.finish('one', (await staging.deploy('one', 'v1.0.0')).outputs)
    const second = await staging.deploy('two', 'v1.1.0')
    staging.yard.docker('rm', '-f', staging.yard.container)
    const ended = await staging.finish('two', second.outputs)
    expect(ended).toMatchObject({ status: 'failure', reason: 'not-as-released', serving: 'v1.0.0' })
    expect(ended.summary).toContain('what runs is nothing, not r2. v1.0.0 (r1) serves again')
    expect(await staging.ledger()).toMatchObject({ serving: 'r1', restoring: null })
    expect(Object.values(staging.yard.containers())).toContain('running')
  })
})

describe('on a cluster', () => {
  test('a pod that is ended for its memory is known for it', async () => {
    const room = enterRoom('vitals')
    leave.push(() => room.leave())
    const hog =
      'httpd -p 3000 -h /www; while [ ! -f /tmp/hog ]; do sleep 0.1; done; x=aaaaaaaa; while :; do x=$x$x; done'
    const container = '          resources: { limits: { memory: 32Mi } }\n'
    const { target } = await room.open({ 'app.yaml': deployment({ script: hog, container }) })
    expect(await target.vitals()).toEqual([])
    const lock = await takeFree(target, holder('1'))
    await release(target, lock, 'v1.0.0', room.image)
    const [before] = await target.vitals()
    expect(before).toMatchObject({ ready: true, restarts: 0, lastEnd: '', outOfMemory: false })

    room.kubectl('exec', before?.instance.replace('pod ', 'pod/') ?? '', '--', 'touch', '/tmp/hog')
    await until('a restart', async () => ((await target.vitals())[0]?.restarts ?? 0) > 0)
    expect(await target.vitals()).toEqual([
      expect.objectContaining({ instance: before?.instance, outOfMemory: true, lastEnd: 'exit code 137' }),
    ])
    await lock.end()
  })

  test('of several pods, the one that is near its limit of memory is known, as the cluster measures it', async () => {
    const room = enterRoom('usage')
    leave.push(() => room.leave())
    const { target } = await room.open({
      'app.yaml': deployment({
        replicas: 2,
        container:
          '          resources: { limits: { memory: 64Mi, cpu: 500m } }\n' +
          '          volumeMounts: [{ name: scratch, mountPath: /scratch }]\n',
        pod: '      volumes: [{ name: scratch, emptyDir: { medium: Memory } }]\n',
      }),
    })
    const lock = await takeFree(target, holder('1'))
    await release(target, lock, 'v1.0.0', room.image)
    await lock.end()
    const shares = async () => (await target.vitals()).map(({ usage }) => usage?.memory?.share ?? 0)
    await until('measurements of both pods', async () => (await shares()).every(share => share > 0))
    const [one, other] = await target.vitals()
    expect(one?.usage).toMatchObject({
      memory: { of: 'limit of 64.0 MiB' },
      cpu: { of: 'limit of 500m of CPU' },
    })

    const fill = ['busybox', 'dd', 'if=/dev/zero', 'of=/scratch/full', 'bs=1M', 'count=57']
    room.kubectl('exec', one?.instance.replace('pod ', 'pod/') ?? '', '--', ...fill)
    await until('the pod to be near its limit', async () => Math.max(...(await shares())) > 0.85)
    const measured = new Map((await target.vitals()).map(each => [each.instance, each.usage?.memory?.share]))
    expect(measured.get(one?.instance ?? '')).toBeGreaterThan(0.85)
    expect(measured.get(other?.instance ?? '')).toBeLessThan(0.3)
  })
})
