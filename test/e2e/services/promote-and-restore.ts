import { afterAll, expect, jest, test } from '@jest/globals'
import { execFile, execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { openLab, type Lab } from '../../lab/lab.ts'
import { freePort } from '../docker/ports.ts'
import { buildImage } from './images.ts'
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

async function openRepository(service: ForeignService): Promise<Repository> {
  const name = `e2e-foreign-${service.name}-${process.pid}`
  const root = join(folder, service.name)
  mkdirSync(join(root, 'before'), { recursive: true })
  const kubectl = (...args: string[]) =>
    execFileSync(lab.kubectl, ['--kubeconfig', lab.kubeconfig, ...args], {
      cwd: root,
      stdio: 'pipe',
      encoding: 'utf8',
    })
  let port = 0
  if (service.target.kind === 'kubernetes') {
    kubectl('create', 'namespace', name)
    leave.push(() => {
      kubectl('delete', 'namespace', name, '--wait=false')
      kubectl('delete', 'pv', name, '--ignore-not-found', '--wait=false')
    })
    port = reserveNodePort((...args) => kubectl('-n', name, ...args))
  } else {
    leave.push(() => clearContainers(lab, name))
    port = await freePort()
  }
  const place: Place = { namespace: name, nodePort: port, folder: join(folder, `${service.name}-volume`) }
  mkdirSync(place.folder)
  chmodSync(place.folder, 0o1777)
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
  if (service.sidecar) buildImage(lab, join(folder, 'sidecar'), sidecar, service.sidecar)
  const write = (files: Record<string, string>) => {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(root, dirname(file)), { recursive: true })
      writeFileSync(join(root, file), text.replaceAll('image: SIDECAR', `image: ${sidecar}`), { mode: 0o600 })
    }
  }
  const { 'before/volume.yaml': volume } = service.files.good(place)
  if (volume !== undefined) {
    write({ 'before/volume.yaml': volume })
    kubectl('apply', '-f', 'before/volume.yaml')
  }
  write({
    'runbook.yml': runbookOf(service, name, url, `${port}`),
    '.gitignore': 'docker.env\ndeployment/\n',
    'smoke.yml': smokeSuiteOf(service),
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

/** A port of the cluster's own choice: the API server gives it to a Service, which makes room again. */
function reserveNodePort(kubectl: (...args: string[]) => string): number {
  kubectl('create', 'service', 'nodeport', 'reserve', '--tcp=80')
  const port = kubectl('get', 'service', 'reserve', '-o', 'jsonpath={.spec.ports[0].nodePort}')
  kubectl('delete', 'service', 'reserve')
  return Number(port)
}

function smokeSuiteOf({ name, health, page, write }: ForeignService): string {
  return `name: ${name}
load: { path: ${health} }
requests:
  - { name: health, path: ${health}, expect: { status: 200 } }
  - { name: page, path: ${page.path}, expect: { status: ${page.status} } }
${write === undefined ? '' : `  - { name: write, method: ${write.method}, path: ${write.path}, expect: { status: ${write.status} } }\n`}`
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
${target.kind === 'docker' ? '    env-file: docker.env\n' : ''}    gate: { for: 4s, interval: 50ms, latency: 3s, paths: [${health}] }
    smoke: { suite: smoke.yml, requests: 100 }
`
}

/**
 * A test for each of these services: it is released, a faulty version of it is rolled back by itself, the next one is
 * released, and a person rolls back to the first.
 */
export function testServices(services: ForeignService[]): void {
  jest.setTimeout(600_000)

  test.each(services)(
    '$name ($because) is released, rolled back by itself, and rolled back by hand',
    async service => {
      const repository = await openRepository(service)
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
    },
  )
}
