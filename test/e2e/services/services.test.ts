import { afterAll, describe, expect, jest, test } from '@jest/globals'
import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { openLab, type Lab } from '../../lab/lab.ts'
import { freePort } from '../docker/ports.ts'
import { foreignServices } from './catalog.ts'
import { buildImage, programImage } from './images.ts'
import type { ForeignService, Place } from './service.ts'

// Services that this project did not write, or that are written in another style: each is released, a faulty version of it is
// rolled back by itself, the next one is released, and a person rolls back to the first.

jest.setTimeout(600_000)

const command = join(import.meta.dirname, '../../../cli/run.ts')
const folder = mkdtempSync(join(tmpdir(), 'foreign-'))
const lab = openLab()
const leave: (() => void)[] = []

afterAll(() => {
  for (const end of leave) end()
  rmSync(folder, { recursive: true, force: true })
})

interface Outcome {
  status: string
  reason: string
  summary: string
  outputs: Record<string, string>
  evidence: { subject: string; finding: string; tone: string }[]
}

interface Repository {
  url: string
  /** Writes the files of a version, and promotes it. */
  promote(version: string, kind: 'good' | 'faulty'): Promise<Outcome>
  runbook(...words: string[]): Promise<Outcome>
}

async function openRepository(service: ForeignService, number: number): Promise<Repository> {
  const name = `e2e-foreign-${service.name}-${process.pid}`
  const root = join(folder, service.name)
  mkdirSync(join(root, 'before'), { recursive: true })
  const nodePort = 32_200 + ((process.pid + number * 61) % 500)
  const place: Place = { namespace: name, nodePort, folder: join(folder, `${service.name}-volume`) }
  mkdirSync(place.folder)
  chmodSync(place.folder, 0o1777)
  const port = service.target.kind === 'docker' ? await freePort() : nodePort
  const url = `http://${service.target.kind === 'docker' ? '127.0.0.1' : lab.hostIp}:${port}`
  const image = (kind: string) => `${lab.registry}/${name}/${service.name}:${kind}`
  buildImage(lab, join(folder, `${service.name}-image`), image('good'), service.image)
  buildImage(
    lab,
    join(folder, `${service.name}-image`),
    image('faulty'),
    service.faultyImage ?? service.image,
  )
  const sidecar = `${lab.registry}/${name}/sidecar:1`
  if (service.name === 'fastify')
    buildImage(lab, join(folder, 'sidecar'), sidecar, programImage('prometheus-pushgateway'))
  const write = (files: Record<string, string>) => {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(root, dirname(file)), { recursive: true })
      writeFileSync(join(root, file), text.replaceAll('image: SIDECAR', `image: ${sidecar}`), { mode: 0o600 })
    }
  }
  const kubectl = (...args: string[]) =>
    execFileSync(lab.kubectl, ['--kubeconfig', lab.kubeconfig, ...args], { cwd: root, stdio: 'pipe' })
  if (service.target.kind === 'kubernetes') {
    kubectl('create', 'namespace', name)
    leave.push(() => {
      kubectl('delete', 'namespace', name, '--wait=false')
      kubectl('delete', 'pv', name, '--ignore-not-found', '--wait=false')
    })
    const { 'before/volume.yaml': volume } = service.files.good(place)
    if (volume !== undefined) {
      write({ 'before/volume.yaml': volume })
      kubectl('apply', '-f', 'before/volume.yaml')
    }
  } else leave.push(() => clearContainers(lab, name))
  write({
    'runbook.yml': runbookOf(service, name, url, `${port}`),
    '.gitignore': 'docker.env\ndeployment/\n',
    'smoke.yml': `name: ${service.name}
load: { path: ${service.health} }
requests:
  - { name: health, path: ${service.health}, expect: { status: 200 } }
  - { name: page, path: ${service.page.path}, expect: { status: ${service.page.status} } }
`,
  })
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['config', 'user.email', 'ada@example.com'],
    ['config', 'user.name', 'ada'],
  ])
    execFileSync('git', args, { cwd: root })
  const runbook = (...words: string[]) =>
    new Promise<Outcome>((resolve, reject) => {
      const args = [command, ...words, '--config', 'runbook.yml', '--json']
      const env = { ...process.env, DOCKER_HOST: lab.docker.host, KUBECONFIG: lab.kubeconfig }
      const options = { cwd: root, env, maxBuffer: 64 * 1024 * 1024 }
      execFile(process.execPath, args, options, (error, stdout, stderr) => {
        const last = stdout.trim().split('\n').at(-1) ?? ''
        if (last.startsWith('{')) resolve(JSON.parse(last) as Outcome)
        else reject(new Error(`${args.join(' ')}\n${stderr}`, { cause: error }))
      })
    })
  return {
    url,
    runbook,
    promote(version, kind) {
      write(service.files[kind](place))
      execFileSync('git', ['add', '-A'], { cwd: root })
      execFileSync('git', ['commit', '-q', '--allow-empty', '-m', version], { cwd: root })
      return runbook('promote', 'production', version, '--image', image(kind))
    },
  }
}

/** Fails with what the promotion itself found, which its reason alone does not say. */
function requireSuccess({ status, reason, summary, evidence }: Outcome, wanted: string): void {
  const faults = evidence
    .filter(({ tone }) => tone === 'bad' || (status !== 'success' && tone === 'warn'))
    .map(({ subject, finding }) => `${subject}: ${finding}`)
  expect({ status, reason, summary, faults }).toEqual({
    status: 'success',
    reason: wanted,
    summary,
    faults: [],
  })
}

function clearContainers(lab: Lab, name: string): void {
  const docker = (...args: string[]) =>
    execFileSync('docker', ['--host', lab.docker.host, ...args], { encoding: 'utf8' })
  const ids = docker('ps', '-aq', '--filter', `name=${name}`).split('\n').filter(Boolean)
  if (ids.length > 0) docker('rm', '-f', '-v', ...ids)
}

function runbookOf(
  { name, target, health }: ForeignService,
  place: string,
  url: string,
  port: string,
): string {
  const where =
    target.kind === 'kubernetes'
      ? `{ kind: kubernetes, namespace: ${place}, manifests: k8s, workload: ${target.workload} }`
      : `{ kind: docker, container: ${place}, ports: ['${port}:${target.ports}'] }`
  return `service: ${name}
environments:
  production:
    target: ${where}
    url: ${url}
${target.kind === 'docker' ? '    env-file: docker.env\n' : ''}    gate: { for: 8s, interval: 100ms, paths: [${health}] }
    smoke: { suite: smoke.yml, requests: 100 }
`
}

describe.each(foreignServices.map((service, number) => ({ ...service, number })))(
  '$name: $because',
  service => {
    test('is released, rolled back by itself, and rolled back by hand', async () => {
      const repository = await openRepository(service, service.number)
      const { url } = repository
      const live = async () => (await repository.runbook('status', 'production')).outputs['version']

      requireSuccess(await repository.promote('v1.0.0', 'good'), 'settled-good')
      await service.state?.write(url)

      const faulty = await repository.promote('v1.1.0', 'faulty')
      expect(faulty.status).toBe('failure')
      expect(await live()).toBe('v1.0.0')
      expect((await fetch(url + service.health)).ok).toBe(true)

      requireSuccess(await repository.promote('v1.2.0', 'good'), 'settled-good')
      expect(await live()).toBe('v1.2.0')
      requireSuccess(await repository.runbook('rollback', 'production', 'v1.0.0'), 'restored')
      expect(await live()).toBe('v1.0.0')
      expect((await fetch(url + service.page.path)).status).toBe(service.page.status)
      if (service.state) expect(await service.state.read(url)).toContain(service.state.holds)
    })
  },
)
