import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { adoptServing, bringBack, recordGood, release, run, takeFree } from '../environment-lock.ts'
import { enterYard, pushImages, until, type Images, type Yard } from './yard.ts'

let images: Images
let yard: Yard
beforeAll(() => {
  images = pushImages()
})
beforeEach(() => {
  yard = enterYard('adoption', 23_022, images)
})
afterEach(() => yard.leave())

const answers = (text: string) => until(`${text} to answer`, async () => (await yard.ask()) === text)

interface Inspected {
  Id: string
  Config: Record<string, unknown> & { Labels: Record<string, string> }
  HostConfig: Record<string, unknown>
  Mounts: { Destination: string; Source: string; RW: boolean; Type: string }[]
  NetworkSettings: { Networks: Record<string, { IPAMConfig: unknown; Aliases: string[] }> }
}

/** All that the engine says of the container, without what each one has of its own. */
function inspected(): object {
  const [{ Id, Config, HostConfig, Mounts, NetworkSettings }] = JSON.parse(
    yard.docker('inspect', yard.container),
  ) as [Inspected]
  const { Image: _image, Env, Labels, ...config } = Config
  const { AutoRemove: _remove, Binds: _binds, Mounts: _mounts, Links: _links, ...host } = HostConfig
  return {
    config: { ...config, Env: (Env as string[]).toSorted() },
    labels: Object.entries(Labels).filter(([name]) => !name.startsWith('runbook.')),
    host,
    mounts: Mounts.map(({ Destination, Source, RW, Type }) =>
      [Destination, Source, RW, Type].join(' '),
    ).toSorted(),
    networks: Object.entries(NetworkSettings.Networks).map(([name, { IPAMConfig, Aliases }]) => [
      name,
      IPAMConfig ?? {},
      Aliases.filter(alias => !Id.startsWith(alias)),
    ]),
  }
}

test('a container with every kind of setting is created again exactly as it was', async () => {
  const [network, second, db] = ['net', 'net2', 'db'].map(each => `${yard.container}-${each}`) as [
    string,
    string,
    string,
  ]
  yard.docker('network', 'create', '--subnet', '10.213.77.0/24', network)
  yard.docker('network', 'create', second)
  try {
    yard.docker('run', '-d', '--name', db, '--network', network, images.plain)
    yard.docker(
      ...['run', '-d', '--name', yard.container, '-e', 'VERSION=v0.9.0', '-e', 'A=1', '-e', 'A=2'],
      ...['-p', `127.0.0.1:${yard.port}:3000`, '-p', `${yard.port}:53/udp`],
      ...['--network', network, '--ip', '10.213.77.9', '--network-alias', 'api', '--link', `${db}:database`],
      ...['-v', '/spool', '-v', `${yard.container}-data:/data`, '--tmpfs', '/scratch:size=1m'],
      ...[
        '--mount',
        'type=tmpfs,dst=/run,tmpfs-size=65536',
        '--shm-size',
        '32m',
        '--memory',
        '64m',
        '--cpus',
        '0.5',
      ],
      ...['--cap-add', 'NET_ADMIN', '--cap-drop', 'MKNOD', '--security-opt', 'no-new-privileges'],
      ...['--ulimit', 'nofile=512:1024', '--sysctl', 'net.core.somaxconn=99', '--group-add', '33'],
      ...[
        '--add-host',
        'old-db:10.0.0.9',
        '--dns',
        '10.0.0.53',
        '--hostname',
        'orders',
        '--domainname',
        'shop.test',
      ],
      ...[
        '--restart',
        'on-failure:3',
        '--stop-signal',
        'INT',
        '--stop-timeout',
        '3',
        '--init',
        '--pids-limit',
        '200',
      ],
      ...['--log-driver', 'json-file', '--log-opt', 'max-size=1m', '--device', '/dev/null:/dev/zilch'],
      ...[
        '--health-cmd',
        'test -d /data',
        '--health-interval',
        '1s',
        '--ipc',
        'shareable',
        '--workdir',
        '/www',
      ],
      ...[
        '-l',
        'com.docker.compose.project=shop',
        '-l',
        'com.docker.compose.service=orders',
        '--user',
        '0:0',
      ],
      ...[images.plain, '/bin/serve'],
    )
    yard.docker('network', 'connect', '--alias', 'orders-front', second, yard.container)
    await answers('v0.9.0')
    const before = inspected()
    const { target, logged } = await yard.open()
    const lock = await takeFree(target, run('1'))
    const found = await adoptServing(lock)
    expect(logged.filter(line => line.includes('would not restore'))).toEqual([])
    expect(yard.containers()).not.toHaveProperty(`${yard.container}-r0`)
    yard.docker('rm', '-f', yard.container)

    await lock.restore('r0', found, undefined)

    await answers('v0.9.0')
    expect(inspected()).toEqual(before)
    await lock.end()
  } finally {
    yard.docker('rm', '-f', yard.container, db)
    yard.docker('network', 'rm', network, second)
  }
})

test('what cannot be created again is refused with the reason before anything is changed', async () => {
  const owner = `${yard.container}-owner`
  yard.docker('run', '-d', '--name', owner, images.plain)
  yard.docker(
    'run',
    '-d',
    '--name',
    yard.container,
    '--ipc',
    'host',
    '--network',
    `container:${owner}`,
    images.plain,
  )
  yard.docker('rm', '-f', owner)
  const { target } = await yard.open()
  const lock = await takeFree(target, run('1'))
  await expect(lock.adopt()).rejects.toThrow(
    `container ${yard.container} cannot be created again as it is, so that no rollback could restore it`,
  )
  expect(yard.containers()[yard.container]).toBe('running')
  expect(yard.containers()).not.toHaveProperty(`${yard.container}-r0`)
  await lock.end()
})

test('a container that another program created is not removed, whatever its labels say', async () => {
  const taken = `${yard.container}-r1`
  yard.docker(
    'create',
    '--name',
    taken,
    '-l',
    'runbook.role=service',
    '-l',
    'runbook.service=another',
    images.plain,
  )
  const { target } = await yard.open()
  const lock = await takeFree(target, run('1'))
  await expect(release(target, lock, 'v1.0.0', images.plain, { VERSION: 'v1.0.0' })).rejects.toThrow(
    `a container that is not ours is called ${taken}`,
  )
  expect(yard.containers()[taken]).toBe('created')
  await lock.end()
})

test('ports are compared with their protocol and address', async () => {
  const other = `${yard.container}-other`
  yard.docker(
    'run',
    '-d',
    '--name',
    other,
    '-p',
    `${yard.port}:53/udp`,
    '-p',
    `127.0.0.2:${yard.port}:3000`,
    images.plain,
  )
  const { target } = await yard.open({ spec: { ports: [`127.0.0.1:${yard.port}:3000`] } })
  const render = (opened: typeof target) =>
    opened.render({ version: 'v1.0.0', image: images.plain, config: { VERSION: 'v1.0.0' } })
  expect(await target.rehearse(await render(target))).toMatchObject([{ action: 'create' }])
  const { target: everywhere } = await yard.open()
  await expect(everywhere.rehearse(await render(everywhere))).rejects.toThrow(
    `port ${yard.port} is taken by container ${other}`,
  )
  const { target: udp } = await yard.open({ spec: { ports: [`${yard.port}:53/udp`] } })
  await expect(udp.rehearse(await render(udp))).rejects.toThrow(
    `port ${yard.port}/udp is taken by container ${other}`,
  )
})

test('on the network of the host the previous container ends first, and is started again when the new one fails', async () => {
  const ports = [`${yard.port}:${yard.port}`]
  const { target } = await yard.open({ spec: { network: 'host', ports } })
  const config = (version: string, more = {}) => ({ VERSION: version, PORT: String(yard.port), ...more })
  const lock = await takeFree(target, run('1'))
  const first = await release(target, lock, 'v1.0.0', images.plain, config('v1.0.0'))
  expect(first.rollout).toEqual({ kind: 'ready' })
  await recordGood(lock, first.id)
  const payload = await target.render({ version: 'v1.1.0', image: images.plain, config: config('v1.1.0') })
  const [plan] = await target.rehearse(payload)
  expect(plan?.diff).toContain('since both listen on the network of the host, where a port can be had once')

  const second = await release(target, lock, 'v1.1.0', images.plain, config('v1.1.0'))
  expect(second.rollout).toEqual({ kind: 'ready' })
  await answers('v1.1.0')
  await recordGood(lock, second.id)

  const third = await release(target, lock, 'v1.2.0', images.plain, config('v1.2.0', { MODE: 'crash' }))
  expect(third.rollout.kind).toBe('doomed')
  await answers('v1.1.0')
  await bringBack(target, lock, second.id, third.id)
  await answers('v1.1.0')
  await lock.end()
})
