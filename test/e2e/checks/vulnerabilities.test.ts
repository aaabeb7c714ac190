import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { vulnerabilities } from '../../../shared/checks/code/vulnerabilities.ts'
import { openTarget } from '../../../shared/targets/open.ts'
import type { Target } from '../../../shared/targets/target.ts'
import { buildPrograms } from '../../lab/build-programs.ts'
import { openLab } from '../../lab/lab.ts'
import { environmentAt, realPorts } from '../gate/ports.ts'
import { ask, makeFolder } from './context.ts'
import { hasEnded } from '../../../shared/host/process-identity.ts'

// The scanner is built from source where it is not built yet.
jest.setTimeout(900_000)

const lab = openLab()
const folder = makeFolder()
const bin = join(folder.path, 'bin')
const database = join(folder.path, 'db')

/** What grype reads: where its database is, that nothing newer can be had, and that the lab's registry has no TLS. */
const scanning = {
  PATH: bin,
  HOME: folder.path,
  GRYPE_DB_CACHE_DIR: database,
  GRYPE_DB_AUTO_UPDATE: 'false',
  GRYPE_CHECK_FOR_APP_UPDATE: 'false',
  GRYPE_REGISTRY_INSECURE_USE_HTTP: 'true',
  DOCKER_HOST: lab.docker.host,
}

beforeAll(async () => {
  const { grype, advisories } = await buildPrograms(['grype', 'advisories'])
  const known = [
    { id: 'GHSA-aaaa-bbbb-cccc', severity: 'critical', package: 'lab-parser', fixedIn: '1.2.1' },
    { id: 'GHSA-dddd-eeee-ffff', severity: 'high', package: 'lab-router', fixedIn: '3.0.0' },
  ]
  mkdirSync(bin)
  symlinkSync(grype, join(bin, 'grype'))
  mkdirSync(join(database, '6'), { recursive: true })
  execFileSync(advisories, [join(database, '6')], { input: JSON.stringify(known) })
})
afterAll(async () => {
  await Promise.all(opened.map(target => target.close()))
  folder.remove()
})

/** An image in which npm has installed these packages. */
function build(tag: string, packages: Record<string, string>): string {
  const name = `${lab.registry}/e2e-scanned:${tag}`
  const installed = Object.entries(packages).map(([each, version]) => {
    const at = `/app/node_modules/${each}`
    return `RUN mkdir -p ${at} && echo '${JSON.stringify({ name: each, version })}' > ${at}/package.json`
  })
  const docker = (args: string[], input = '') =>
    execFileSync('docker', ['--host', lab.docker.host, ...args], {
      input,
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
      stdio: 'pipe',
    })
  docker(
    ['build', '--quiet', '--tag', name, '-'],
    ['FROM node:24-bookworm-slim', ...installed, ''].join('\n'),
  )
  docker(['push', name])
  return name
}

const staging = environmentAt('', {
  target: { kind: 'docker', container: 'e2e-scanned', ports: [], host: lab.docker.host },
})
const adapters = { ...realPorts(), kubeconfig: '', hasEnded }
const opened: Target[] = []

const scan = (image: string, env: Record<string, string> = scanning) =>
  ask(
    vulnerabilities,
    {},
    {
      image,
      env,
      environment: staging,
      target: async () => {
        const target = await openTarget(staging, adapters)
        opened.push(target)
        return target
      },
    },
  )

test('an image with a critical hole fails, with a high one warns, and passes with the packages that the remedy asks for', async () => {
  expect(await scan(build('critical', { 'lab-parser': '1.2.0', 'lab-router': '2.9.0' }))).toMatchObject({
    result: 'fail',
    finding: 'grype: 1 critical, 1 high, of 2 known holes: GHSA-aaaa-bbbb-cccc in lab-parser 1.2.0',
    remedy: expect.stringContaining('with newer packages'),
    detail: expect.stringContaining('high GHSA-dddd-eeee-ffff lab-router 2.9.0, fixed in 3.0.0'),
  })
  expect(await scan(build('high', { 'lab-parser': '1.2.1', 'lab-router': '2.9.0' }))).toMatchObject({
    result: 'warn',
    finding: 'grype: 0 critical, 1 high, of 1 known holes: GHSA-dddd-eeee-ffff in lab-router 2.9.0',
  })
  expect(await scan(build('fixed', { 'lab-parser': '1.2.1', 'lab-router': '3.0.0' }))).toMatchObject({
    result: 'pass',
    finding: 'grype: 0 critical, 0 high, of 0 known holes',
  })
})

test('a scanner without its database is a warning that names its own words, and none at all is said', async () => {
  const image = build('fixed', { 'lab-parser': '1.2.1' })
  expect(await scan(image, { ...scanning, GRYPE_DB_CACHE_DIR: join(folder.path, 'none') })).toMatchObject({
    result: 'warn',
    finding: 'grype could not scan it (exit code 1)',
    remedy: expect.stringMatching(/^Run grype registry:.* and see what it lacks/),
    detail: expect.stringContaining('database does not exist'),
  })
  expect(await scan(image, { ...scanning, PATH: database })).toMatchObject({
    result: 'skip',
    finding: expect.stringContaining('no scanner is installed: grype, trivy'),
  })
})
