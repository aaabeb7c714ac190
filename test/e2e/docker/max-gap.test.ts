import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { startCommand, type CommandEnd } from '../kill/command.ts'
import { enterYard, pushImages, type Yard } from './yard.ts'

jest.setTimeout(300_000)

// `gate.max-gap` from the runbook to the end of a deploy, with the real outage of a container that takes its time to listen.

const images = pushImages()
let folder = ''
let yard: Yard
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'max-gap-'))
  yard = enterYard('max-gap', 23_016, images)
})
afterEach(async () => {
  await yard.leave()
  rmSync(folder, { recursive: true })
})

/** Deploys a version that takes so long to listen, with such a limit. */
function deploy(version: string, bootSeconds: number, maxGap: string): Promise<CommandEnd> {
  writeFileSync(
    join(folder, 'suite.yml'),
    'name: root\nrequests: [{ name: root, path: / }]\nload: { path: / }\n',
  )
  const env = JSON.stringify({ VERSION: version, BOOT: String(bootSeconds) })
  writeFileSync(
    join(folder, 'runbook.yml'),
    `service: ${yard.container}
environments:
  main:
    target: { kind: docker, container: ${yard.container}, ports: ["${yard.port}:3000"], env: ${env} }
    url: http://127.0.0.1:${yard.port}
    gate: { for: 600ms, interval: 50ms, error-rate: 50%, paths: [/], baseline: 0s, max-gap: ${maxGap} }
    smoke: { suite: suite.yml, requests: 20 }
`,
  )
  const words = ['deploy', 'main', version, '--image', images.plain, '--config', 'runbook.yml']
  return startCommand({ words, folder, env: { DOCKER_HOST: yard.lab.docker.host } }).ended
}

test('a release whose change interrupts the service for longer than gate.max-gap is rolled back; a higher limit lets it pass', async () => {
  const first = await deploy('v1.0.0', 0, '20s')
  expect([first.code, first.log]).toEqual([0, expect.stringContaining('v1.0.0')])

  const { code, log } = await deploy('v1.0.1', 3, '1s')

  expect(log).toContain('gap-exceeded')
  expect(log).toMatch(/The service did not answer for [\d.]+ ?s \(\d+ requests\) while v1\.0\.1 replaced/)
  expect(log).toContain('runbook.yml:6')
  expect(code).toBe(1)
  expect(await yard.ask()).toBe('v1.0.0')

  const last = await deploy('v1.0.2', 3, '20s')
  expect([last.code, last.log]).toEqual([0, expect.stringContaining('v1.0.2')])
  expect(await yard.ask()).toBe('v1.0.2')
})
