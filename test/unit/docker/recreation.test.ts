import { describe, expect, test } from '@jest/globals'
import type { ContainerDetail } from '../../../shared/targets/docker/engine/containers.ts'
import { diffOf } from '../../../shared/targets/docker/inspect/diff.ts'
import { lostSettings } from '../../../shared/targets/docker/inspect/lost-settings.ts'
import { recreation } from '../../../shared/targets/docker/apply/recreation.ts'

const container = (said: {
  config?: object
  host?: object
  networks?: object
  ports?: object
  mounts?: object[]
}): ContainerDetail =>
  ({
    Id: 'abcdef0123456789',
    Name: '/orders',
    Image: 'sha256:1',
    Config: { Image: 'orders:v1', Hostname: 'abcdef012345', ...said.config },
    HostConfig: { NetworkMode: 'default', ...said.host },
    NetworkSettings: { Networks: said.networks ?? {}, Ports: said.ports ?? {} },
    Mounts: said.mounts ?? [],
  }) as unknown as ContainerDetail

describe('a container that is created again', () => {
  test('has every setting, also those that have no name here, and none that the engine gave to that one alone', () => {
    const detail = container({
      config: { Env: ['A=1', 'PATH=/bin'], Domainname: 'shop', NewSetting: 7, StopTimeout: 30 },
      host: {
        AutoRemove: true,
        CapAdd: ['NET_ADMIN'],
        DeviceRequests: [{ Count: -1 }],
        NewHostSetting: { A: 1 },
        NetworkMode: 'n1',
        Links: ['/db:/orders/database'],
      },
      networks: {
        backend: {
          NetworkID: 'n1',
          EndpointID: 'e',
          IPAddress: '10.0.0.5',
          MacAddress: '02:42',
          IPAMConfig: { IPv4Address: '10.0.0.5' },
          Aliases: ['abcdef012345', 'api'],
          Links: null,
          DriverOpts: { x: 'y' },
        },
        front: null,
      },
    })

    expect(recreation(detail, 'orders@sha256:1', { Env: ['PATH=/bin'] })).toEqual({
      Image: 'orders@sha256:1',
      Env: ['A=1'],
      Domainname: 'shop',
      NewSetting: 7,
      StopTimeout: 30,
      HostConfig: {
        AutoRemove: false,
        CapAdd: ['NET_ADMIN'],
        DeviceRequests: [{ Count: -1 }],
        NewHostSetting: { A: 1 },
        NetworkMode: 'backend',
        Links: ['db:database'],
      },
      NetworkingConfig: {
        EndpointsConfig: {
          backend: { IPAMConfig: { IPv4Address: '10.0.0.5' }, DriverOpts: { x: 'y' }, Aliases: ['api'] },
          front: {},
        },
      },
    })
  })

  test('leaves to its image what that says, but a command only together with its entrypoint', () => {
    const image = { Cmd: ['serve'], Entrypoint: ['/init'], User: 'node', Labels: { a: '1', b: '1' } }
    const own = (config: object) => recreation(container({ config }), 'i', image)
    expect(own({ ...image, Labels: { a: '1', b: '2' } })).toMatchObject({ Labels: { b: '2' } })
    expect(own(image)).not.toHaveProperty('Cmd')
    expect(own({ ...image, Cmd: null, Entrypoint: ['/other'] })).toMatchObject({
      Cmd: [],
      Entrypoint: ['/other'],
    })
    expect(own({ ...image, Cmd: ['serve', '--debug'] })).toMatchObject({ Entrypoint: ['/init'] })
  })

  test('keeps the ports that the engine chose', () => {
    const ports = { '3000/tcp': [{ HostIp: '0.0.0.0', HostPort: '49153' }], '9/udp': null }
    const body = recreation(
      container({ host: { PortBindings: { '3000/tcp': [{ HostPort: '' }] } }, ports }),
      'i',
      {},
    )
    expect(body.HostConfig?.PortBindings).toEqual({ '3000/tcp': ports['3000/tcp'] })
    const all = recreation(container({ host: { PublishAllPorts: true }, ports }), 'i', {})
    expect(all.HostConfig).toMatchObject({
      PublishAllPorts: false,
      PortBindings: { '3000/tcp': ports['3000/tcp'] },
    })
  })

  test('says nothing of ports, names and networks where it shares the network of another container', () => {
    const body = recreation(
      container({
        config: { Hostname: 'of-the-other', ExposedPorts: { '3000/tcp': {} } },
        host: { NetworkMode: 'container:1234' },
      }),
      'i',
      {},
    )
    expect(body).toEqual({
      Image: 'i',
      HostConfig: {
        AutoRemove: false,
        NetworkMode: 'container:1234',
        PortBindings: {},
        PublishAllPorts: false,
      },
      NetworkingConfig: { EndpointsConfig: {} },
    })
  })
})

describe('what a copy lost', () => {
  const original = container({
    config: { Env: ['B=1', 'A=1'], Labels: { 'com.docker.compose.project': 'shop' } },
    host: { CapAdd: ['NET_ADMIN'], Binds: ['data:/data/'], Dns: null },
    networks: { backend: { Aliases: ['api', 'abcdef012345'] } },
  })

  test('is nothing when both say the same in another form', () => {
    const copy = container({
      config: {
        Env: ['A=1', 'B=1'],
        Labels: { 'com.docker.compose.project': 'shop', 'runbook.role': 'service' },
      },
      host: { CapAdd: ['NET_ADMIN'], Mounts: [{ Type: 'volume', Source: 'data', Target: '/data' }], Dns: [] },
      networks: { backend: { Aliases: ['api'] } },
    })
    expect(lostSettings(original, copy)).toEqual({ essential: [], others: [] })
  })

  test('is named, without values', () => {
    const copy = container({ config: { Env: ['A=1'] }, networks: { backend: {} } })
    expect(lostSettings(original, copy)).toEqual({
      essential: ['the mount of volume data at /data', 'its place on network backend'],
      others: ['its setting Env', 'its setting HostConfig.CapAdd', 'its label com.docker.compose.project'],
    })
  })
})

test('a plan names all that a release leaves out, and no value that may be secret', () => {
  const before = recreation(
    container({
      config: {
        Env: ['TOKEN=secret1'],
        Cmd: ['serve', '--key=secret2'],
        Labels: { 'traefik.enable': 'secret3' },
      },
      host: {
        Binds: ['data:/data'],
        CapAdd: ['NET_ADMIN'],
        LogConfig: { Type: 'splunk', Config: { token: 'secret4' } },
        ShmSize: 64 * 2 ** 20,
        IpcMode: 'private',
      },
      networks: { backend: { Aliases: ['api'] } },
    }),
    'orders@1',
    {},
  )
  expect(diffOf(before, { Image: 'orders@2', HostConfig: { Memory: 1024 } }).split('\n')).toEqual([
    '- image: orders@1',
    '+ image: orders@2',
    '- env TOKEN',
    '- mount /data: volume data',
    '- network backend',
    '- label traefik.enable',
    '- CapAdd: ["NET_ADMIN"]',
    '- LogConfig',
    '+ Memory: 1024',
    '- Cmd',
  ])
})
