import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { CreateBody, HostConfig } from '../../../shared/targets/docker/engine/containers.ts'
import { accessOf, describeAccess, wider } from '../../../shared/targets/docker/state/host-access.ts'

const image = `registry.example.com/org/api@sha256:${'a'.repeat(64)}`
const body = (host: object, more: object = {}): CreateBody => ({
  Image: image,
  HostConfig: host as HostConfig,
  ...more,
})
const given = (...bodies: CreateBody[]) => [body({}), ...bodies]

describe('what a record asks for beyond the runbook and the containers that are there', () => {
  test.each<[string, object, object?]>([
    ['HostConfig.Privileged', { Privileged: true }],
    ['HostConfig.privileged', { privileged: true }],
    ['HostConfig.CapAdd (SYS_ADMIN)', { CapAdd: ['SYS_ADMIN'] }],
    ['HostConfig.Devices', { Devices: [{ PathOnHost: '/dev/sda', PathInContainer: '/dev/sda' }] }],
    ['HostConfig.DeviceCgroupRules (b *:* rwm)', { DeviceCgroupRules: ['b *:* rwm'] }],
    ['HostConfig.SecurityOpt (apparmor=unconfined)', { SecurityOpt: ['apparmor=unconfined'] }],
    ['HostConfig.MaskedPaths', { MaskedPaths: [] }],
    ['HostConfig.PidMode (host)', { PidMode: 'host' }],
    ['HostConfig.IpcMode (container:db)', { IpcMode: 'container:db' }],
    ['HostConfig.CgroupnsMode (host)', { CgroupnsMode: 'host' }],
    ['HostConfig.UsernsMode (host)', { UsernsMode: 'host' }],
    ['HostConfig.UTSMode (host)', { UTSMode: 'host' }],
    ['HostConfig.Runtime (kata)', { Runtime: 'kata' }],
    ['HostConfig.Sysctls', { Sysctls: { 'net.ipv4.ip_forward': '1' } }],
    ['HostConfig.VolumesFrom (db)', { VolumesFrom: ['db'] }],
    ['HostConfig.CgroupParent (/)', { CgroupParent: '/' }],
    ['HostConfig.LogConfig', { LogConfig: { Type: 'syslog', Config: {} } }],
    ['HostConfig.OfALaterEngine', { OfALaterEngine: 1 }],
    ['HostConfig.NetworkMode (host)', { NetworkMode: 'host' }],
    ['HostConfig.Binds (folder /)', { Binds: ['/:/host'] }],
    ['HostConfig.binds (/:/host)', { binds: ['/:/host'] }],
    ['HostConfig.Binds (folder /var/run/docker.sock)', { Binds: ['/var/run/docker.sock:/s:ro'] }],
    ['HostConfig.Binds (folder /)', { Binds: ['data:/data', '/:/data'] }],
    ['HostConfig.Mounts (folder /)', { Mounts: [{ Type: 'bind', Source: '/', Target: '/host' }] }],
    [
      'HostConfig.Mounts (volume v)',
      {
        Mounts: [
          {
            Type: 'volume',
            Source: 'v',
            Target: '/host',
            VolumeOptions: { DriverConfig: { Name: 'local', Options: { o: 'bind', device: '/' } } },
          },
        ],
      },
    ],
    ['hostConfig', {}, { hostConfig: { Privileged: true } }],
    ['NetworkingConfig.endpointsConfig', {}, { NetworkingConfig: { endpointsConfig: { host: {} } } }],
    ['Image (docker.io/org/other)', {}, { Image: `org/other@sha256:${'b'.repeat(64)}` }],
    [`Image (${image.split('@')[0]}:v1, without a digest)`, {}, { Image: `${image.split('@')[0]}:v1` }],
    ['Image (an image of the host)', {}, { Image: `sha256:${'b'.repeat(64)}` }],
  ])('%s', (field, ...asked) => {
    const [host, more] = asked
    expect(describeAccess(wider(body(host, more), given()))).toBe(field)
    expect(wider(body(host, more), given(body(host, more)))).toEqual([])
  })

  test('nothing of what a runbook renders, and of what only limits a container', () => {
    const rendered = body({
      PortBindings: { '3000/tcp': [{ HostPort: '3001' }] },
      RestartPolicy: { Name: 'unless-stopped' },
      Memory: 1,
      NetworkMode: 'backend',
      Binds: ['orders-data:/data'],
      Mounts: [
        { Type: 'volume', Source: 'orders-a', Target: '/a', VolumeOptions: { Labels: { a: 'b' } } },
        { Type: 'volume', Target: '/b' },
      ],
      Tmpfs: { '/tmp': '' },
      CapDrop: ['ALL'],
      IpcMode: 'private',
      LogConfig: { Type: 'json-file', Config: {} },
      Devices: [],
      MaskedPaths: null,
    })
    expect(wider(rendered, given())).toEqual([])
  })

  test('a folder for reading, where it is given for writing; not the other way round', () => {
    const [rw, ro] = [body({ Binds: ['/srv/orders:/data'] }), body({ Binds: ['/srv/orders:/other:ro'] })]
    const mount = body({ Mounts: [{ Type: 'bind', Source: '/srv/orders', Target: '/data' }] })
    expect(wider(ro, given(rw))).toEqual([])
    expect(wider(mount, given(rw))).toEqual([])
    expect(describeAccess(wider(rw, given(ro)))).toBe('HostConfig.Binds (folder /srv/orders)')
  })

  test('whatever the engine would take for a setting is seen, in any case', () => {
    const key = fc.stringMatching(/^[A-Za-z]{1,12}$/)
    fc.assert(
      fc.property(key, fc.constantFrom(true, 'host', ['x'], { a: 1 }), (name, value) => {
        const known = accessOf(body({})).length
        fc.pre(!/^(init|tmpfs|dns|memory|binds|mounts|capdrop)$/i.test(name))
        expect(accessOf(body({ [name]: value })).length).toBeGreaterThan(known)
      }),
    )
  })
})
