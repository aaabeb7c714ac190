import { describe, expect, test } from '@jest/globals'
import {
  hostMounts,
  mountsOf,
  ofBind,
  ofImageVolume,
  planMounts,
  sharedForWriting,
} from '../../../shared/targets/docker/mounts/mounts.ts'

const volume = (Name: string, Destination: string, RW = true) => ({ Type: 'volume', Name, Destination, RW })
const shown = (specs: ReturnType<typeof mountsOf>) =>
  specs.map(({ path, source, writable }) => `${path} ${source}${writable ? '' : ' ro'}`)

describe('the mounts of a container', () => {
  test('are each there once, however they were asked for and whatever the engine says of them', () => {
    const specs = mountsOf({
      HostConfig: {
        Binds: ['orders-data:/data/', '/srv/config:/config:ro,z'],
        Mounts: [
          { Type: 'volume', Source: 'cache', Target: '/cache', VolumeOptions: { Subpath: 'orders' } },
          { Type: 'volume', Target: '/spool' },
          { Type: 'tmpfs', Target: '/run', TmpfsOptions: { SizeBytes: 1024 } },
        ],
        Tmpfs: { '/tmp': 'size=64m' },
      },
      Mounts: [
        volume('orders-data', '/data'),
        { Type: 'bind', Source: '/srv/config', Destination: '/config', RW: false },
        volume('cache', '/cache'),
        volume('f00d', '/spool'),
        volume('beef', '/var/lib/orders'),
        { Type: 'bind', Source: '/srv/of-another', Destination: '/shared', RW: false },
      ],
    })

    expect(shown(specs)).toEqual([
      '/data volume orders-data',
      '/config folder /srv/config ro',
      '/cache volume cache',
      '/spool volume f00d',
      '/run tmpfs',
      '/tmp tmpfs',
      '/var/lib/orders volume beef',
      '/shared folder /srv/of-another ro',
    ])
    expect(hostMounts(specs)).toEqual({
      Binds: ['orders-data:/data/', '/srv/config:/config:ro,z'],
      Mounts: [
        { Type: 'volume', Source: 'cache', Target: '/cache', VolumeOptions: { Subpath: 'orders' } },
        { Type: 'volume', Source: 'f00d', Target: '/spool' },
        { Type: 'tmpfs', Target: '/run', TmpfsOptions: { SizeBytes: 1024 } },
        { Type: 'volume', Source: 'beef', Target: '/var/lib/orders' },
        { Type: 'bind', Source: '/srv/of-another', Target: '/shared', ReadOnly: true },
      ],
      Tmpfs: { '/tmp': 'size=64m' },
    })
  })

  test('ask for the same again when they are read back from what was asked', () => {
    const specs = mountsOf({ HostConfig: { Binds: ['data:/data:ro'] }, Mounts: [volume('f00d', '/spool')] })
    expect(hostMounts(mountsOf({ HostConfig: hostMounts(specs) }))).toEqual(hostMounts(specs))
  })
})

describe('the mounts of a release', () => {
  const own = (path: string) => ofImageVolume(`orders${path.replaceAll('/', '-')}`, path, {})

  test('are those of the runbook, then what the previous container had, then what the image declares', () => {
    const previous = mountsOf({
      HostConfig: { Binds: ['old:/data', '/srv:/config'] },
      Mounts: [volume('f00d', '/spool/')],
    })
    const plan = planMounts([ofBind('new:/data')], previous, ['/data', '/spool', '/logs/', '/logs'], own)
    expect(shown(plan)).toEqual([
      '/config folder /srv',
      '/data volume new',
      '/logs volume orders-logs',
      '/spool volume f00d',
    ])
  })

  test('do not depend on the order in which the engine lists them', () => {
    const found = [volume('a', '/a'), volume('b', '/b')]
    const plan = (Mounts: typeof found) => planMounts([], mountsOf({ Mounts }), [], own)
    expect(plan(found)).toEqual(plan(found.toReversed()))
  })
})

describe('what two containers would write to at once', () => {
  const shared = (next: string[], running: string[]) =>
    sharedForWriting(next.map(ofBind), running.map(ofBind)).map(({ path }) => path)

  test('is the same volume, or a folder that is or holds the other', () => {
    expect(shared(['data:/data'], ['data:/var/data'])).toEqual(['/data'])
    expect(shared(['/srv/orders/db:/db'], ['/srv/orders:/all'])).toEqual(['/db'])
    expect(shared(['/srv:/all'], ['/srv/orders/:/data'])).toEqual(['/all'])
    expect(shared(['/srv/orders:/data'], ['/srv/orders-2:/data'])).toEqual([])
  })

  test('is nothing that the new one only reads, has for itself, or that holds no data', () => {
    expect(shared(['data:/data:ro'], ['data:/data'])).toEqual([])
    expect(shared(['new:/data'], ['data:/data'])).toEqual([])
    expect(
      shared(['/var/run/docker.sock:/var/run/docker.sock'], ['/var/run/docker.sock:/var/run/docker.sock']),
    ).toEqual([])
    expect(
      sharedForWriting(
        ...([1, 2].map(() => mountsOf({ HostConfig: { Tmpfs: { '/tmp': '' } } })) as [never, never]),
      ),
    ).toEqual([])
  })
})
