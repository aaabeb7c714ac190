import { expect, test } from '@jest/globals'
import {
  answeringPort,
  bindingsOf,
  collide,
  parsePort,
  publishedPorts,
  showPort,
} from '../../../shared/targets/docker/engine/ports.ts'

test('ports are read as Docker writes them', () => {
  expect(parsePort('3001:3000')).toEqual({ address: '', host: 3001, container: 3000, protocol: 'tcp' })
  expect(parsePort('127.0.0.1:53:5353/udp')).toEqual({
    address: '127.0.0.1',
    host: 53,
    container: 5353,
    protocol: 'udp',
  })
  expect(answeringPort(['53:53/udp', '80:8080'])?.host).toBe(80)
  expect(answeringPort(['53:53/udp'])).toBeUndefined()
})

test('bindings keep protocol and address, and are read back as they were', () => {
  const ports = ['53:53', '53:53/udp', '127.0.0.1:54:53/udp'].map(parsePort)
  const bindings = bindingsOf(ports)
  expect(Object.keys(bindings)).toEqual(['53/tcp', '53/udp'])
  expect(publishedPorts({ HostConfig: { PortBindings: bindings } })).toEqual(ports)
  const chosen = { '3000/tcp': [{ HostPort: '' }], '9/udp': null }
  expect(publishedPorts({ HostConfig: { PortBindings: chosen } })).toEqual([])
})

test('two ports collide only with one protocol and an address that both have', () => {
  const meet = (a: string, b: string) => collide(parsePort(a), parsePort(b))
  expect(meet('53:53', '53:53/udp')).toBe(false)
  expect(meet('127.0.0.1:53:53', '127.0.0.2:53:53')).toBe(false)
  expect(meet('127.0.0.1:53:53', '53:1')).toBe(true)
  expect(meet('127.0.0.1:53:53', '0.0.0.0:53:1')).toBe(true)
  const v6 = { address: '::', host: 53, protocol: 'tcp' } as const
  expect(collide(v6, parsePort('127.0.0.1:53:53'))).toBe(false)
  expect(collide(v6, parsePort('53:53'))).toBe(true)
  expect(showPort(parsePort('127.0.0.1:53:53/udp'))).toBe('port 53/udp of 127.0.0.1')
})
