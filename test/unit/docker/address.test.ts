import { expect, test } from '@jest/globals'
import { requireEncryption } from '../../../shared/targets/docker/engine/address.ts'

const at = (host: string) => ({ host, source: 'DOCKER_HOST', tls: undefined })

test.each([
  'tcp://10.0.0.5:2375',
  'http://docker:2375',
  'tcp://127.0.0.1.example.com:2375',
  'TCP://10.0.0.5',
])('%s without TLS is refused, and taken where the runbook allows it', host => {
  expect(() => requireEncryption(at(host), false)).toThrow(
    `DOCKER_HOST: "${host}" is neither encrypted nor authenticated`,
  )
  expect(() => requireEncryption(at(host), true)).not.toThrow()
  expect(() => requireEncryption({ ...at(host), tls: { rejectUnauthorized: true } }, false)).not.toThrow()
})

test.each([
  'tcp://127.0.0.1:2375',
  'tcp://localhost:2375',
  'http://[::1]:2375',
  'ssh://deploy@staging.example.com',
  'unix:///var/run/docker.sock',
])('%s is taken', host => {
  expect(() => requireEncryption(at(host), false)).not.toThrow()
})
