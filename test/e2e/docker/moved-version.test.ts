import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import { deploy } from '../../../shared/commands/deploy/deploy.ts'
import { deployFields } from '../../../shared/commands/deploy/deploy-fields.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { createPorts } from '../../../shared/commands/step/machine.ts'
import { logTo } from '../../log.ts'
import { environmentAt } from '../gate/ports.ts'
import { recordGood, release, run, takeFree } from '../environment-lock.ts'
import { enterYard, pushImages, type Images, type Yard } from './yard.ts'

let images: Images
let yard: Yard
beforeAll(() => {
  images = pushImages()
})
beforeEach(() => {
  yard = enterYard('moved', 23_019, images)
})
afterEach(() => yard.leave())

test('a version that was released from another digest is refused, by the plan and by the deploy', async () => {
  const { target } = await yard.open()
  const lock = await takeFree(target, run('1'))
  const { id } = await release(target, lock, 'v1.0.0', images.plain, { VERSION: 'v1.0.0' })
  await recordGood(lock, id)
  await lock.end()
  const before = (await target.read()).ledger
  const environment = {
    ...environmentAt('http://127.0.0.1:1'),
    service: yard.container,
    target: { kind: 'docker' as const, container: yard.container, ports: [`${yard.port}:3000`] },
  }
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], DOCKER_HOST: yard.lab.docker.host }
  const machine = {
    ...{ log: logTo(() => undefined), secrets: createSecrets(), env, pid: process.pid },
    signal: new AbortController().signal,
  }
  const ports = createPorts(machine, environment, '')

  for (const planned of ['true', 'false']) {
    const given: Record<string, string> = {
      environment: environment.name,
      version: 'v1.0.0',
      image: images.checked,
      'dry-run': planned,
    }
    const inputs = parseInputs(deployFields, name => given[name] ?? '')
    expect(await deploy(environment, inputs, ports)).toMatchObject({
      status: 'failure',
      reason: 'version-moved',
      serving: 'v1.0.0',
      summary: `v1.0.0 was ${images.plain} when it was released here as r1, and is ${images.checked} now; nothing was changed.`,
    })
  }

  await ports.close()
  expect((await target.read()).ledger).toEqual(before)
  expect(await yard.ask()).toBe('v1.0.0')
})
