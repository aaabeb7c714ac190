import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test } from '@jest/globals'
import { buildImage, buildImageFields } from '../../../shared/commands/build/build-image.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { openLab } from '../../lab/lab.ts'
import { environmentAt, realPorts } from '../gate/ports.ts'

// The build of a release, with a real engine and a real registry.

const lab = openLab()
const image = `${lab.registry}/e2e-build-once-${process.pid}/api`
const [one, two] = ['1', '2'].map(digit => digit.repeat(40)) as [string, string]
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'build-once-'))
  writeFileSync(join(folder, 'now'), String(performance.now()))
  writeFileSync(
    join(folder, 'Dockerfile'),
    'FROM scratch\nARG VERSION OTHER\nLABEL given="$VERSION $OTHER"\nCOPY now /now\n',
  )
})
afterEach(() => rmSync(folder, { recursive: true }))
afterAll(() => {
  spawnSync('docker', ['--host', lab.docker.host, 'image', 'rm', `${image}:v1.0.0`, `${image}:v1.1.0`])
})

function build(sha: string, version: string, given: Record<string, string> = {}): Promise<Outcome> {
  const inputs: Record<string, string> = { environment: 'main', version, image, ...given }
  const { run } = realPorts()
  const env = { ...process.env, DOCKER_HOST: lab.docker.host, DOCKER_BUILDKIT: '0', HOME: folder }
  const ports = realPorts({ run: { ...run, sha }, env })
  const environment = environmentAt('', { root: folder })
  return buildImage(
    environment,
    parseInputs(buildImageFields, name => inputs[name] ?? ''),
    ports,
  )
}

test('a re-run takes the image that the first run pushed; another commit does not replace it', async () => {
  const first = await build(one, 'v1.0.0', { 'build-args': 'OTHER=a $(touch hit)' })
  expect(first).toMatchObject({ status: 'success', outputs: { built: 'true' } })
  expect(first.outputs['digest']).toMatch(/^sha256:[0-9a-f]{64}$/)
  const { stdout } = spawnSync(
    'docker',
    [
      '--host',
      lab.docker.host,
      'image',
      'inspect',
      '--format',
      '{{.Config.Labels.given}}',
      `${image}:v1.0.0`,
    ],
    { encoding: 'utf8' },
  )
  expect(stdout.trim()).toBe('1.0.0 a $(touch hit)')

  const again = await build(one, 'v1.0.0')
  expect(again).toMatchObject({
    status: 'success',
    outputs: { built: 'false', digest: first.outputs['digest'] },
  })

  const refused = await build(two, 'v1.0.0')
  expect(refused).toMatchObject({ status: 'failure', reason: 'version-moved', outputs: {} })
  expect(refused.summary).toContain(`it was built from commit ${one}, not from ${two}`)
})

test('a build that fails pushes nothing, and says so with the output of docker', async () => {
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY missing /missing\n')
  expect(await build(one, 'v1.1.0')).toMatchObject({ status: 'failure', reason: 'tool-failed' })
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY now /now\n')
  expect(await build(one, 'v1.1.0')).toMatchObject({ outputs: { built: 'true' } })
})

test('a registry that does not answer is no registry without the version', async () => {
  const dead = await build(one, 'v1.0.0', { image: '127.0.0.1:1/org/api' })
  expect(dead).toMatchObject({ status: 'failure', reason: 'tool-failed' })
  expect(dead.summary).toContain('nothing is built')
})
