import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createSecrets, type Secrets } from '../../../shared/host/secrets/secrets.ts'
import { systemClock, type Clock } from '../../../shared/host/clock.ts'
import { systemExec } from '../../../shared/host/exec.ts'
import { hasEnded } from '../../../shared/host/process-identity.ts'
import { openTarget } from '../../../shared/targets/open.ts'
import type { Target } from '../../../shared/targets/target.ts'
import { openLab, type Lab } from '../../lab/lab.ts'
import { environmentAt } from '../gate/ports.ts'
import { logTo } from '../../log.ts'

/** A namespace of the lab's cluster that one test file has for itself. */
export interface Room {
  lab: Lab
  namespace: string
  /** `localhost:5000/e2e-probe@sha256:...`: busybox. */
  image: string
  kubectl(...args: string[]): string
  /** Applies YAML text as a person would. */
  kubectlApply(text: string, ...args: string[]): void
  /** A target over the manifests that are given, with what it logs. */
  open(manifests: Record<string, string>, as?: As): Promise<Opened>
  /** Every target that was opened is closed, and the namespace deleted. */
  leave(): Promise<void>
}

/** Who opens a target: by default the lab's administrator, for as long as the test lasts. */
export interface As {
  kubeconfig?: string
  /** Ends all that the target does. */
  signal?: AbortSignal
  /** The machine's own when it is not given. */
  clock?: Clock
  /** `probe` when it is not given; its Deployment is named so, too. */
  service?: string
}

export interface Opened {
  target: Target
  logged: string[]
  secrets: Secrets
}

const repository = 'e2e-probe'

export function enterRoom(name: string): Room {
  const lab = openLab()
  const namespace = `e2e-${name}-${process.pid}`
  const image = pushImage(lab)
  const folders: string[] = []
  const opened: Target[] = []
  const kubectl = (...args: string[]) =>
    execFileSync(lab.kubectl, ['--kubeconfig', lab.kubeconfig, '-n', namespace, ...args], {
      encoding: 'utf8',
    })
  kubectl('create', 'namespace', namespace)
  // The first pod of a namespace has to wait for its default ServiceAccount.
  kubectl('wait', '--for=create', 'serviceaccount/default', '--timeout=30s')
  return {
    lab,
    namespace,
    image,
    kubectl,
    kubectlApply(text, ...args) {
      execFileSync(
        lab.kubectl,
        ['--kubeconfig', lab.kubeconfig, '-n', namespace, 'apply', '-f', '-', ...args],
        {
          input: text,
          stdio: 'pipe',
        },
      )
    },
    async open(manifests, as = {}) {
      const {
        kubeconfig = lab.kubeconfig,
        signal = new AbortController().signal,
        service = 'probe',
        clock = systemClock,
      } = as
      const root = mkdtempSync(join(tmpdir(), 'runbook-e2e-'))
      folders.push(root)
      mkdirSync(join(root, 'manifests'))
      for (const [file, text] of Object.entries(manifests)) writeFileSync(join(root, 'manifests', file), text)
      const logged: string[] = []
      const secrets = createSecrets()
      const environment = environmentAt('', {
        service,
        name: 'production',
        root,
        target: { kind: 'kubernetes', namespace, manifests: 'manifests', workload: `deployment/${service}` },
      })
      const target = await openTarget(environment, {
        clock,
        exec: systemExec,
        log: logTo(line => void logged.push(line)),
        secrets,
        env: {},
        kubeconfig,
        hasEnded,
        signal,
      })
      opened.push(target)
      return { target, logged, secrets }
    },
    async leave() {
      await Promise.all(opened.map(target => target.close()))
      for (const folder of folders) rmSync(folder, { recursive: true })
      kubectl('delete', 'namespace', namespace, '--wait=false')
    },
  }
}

/** An image of nothing but busybox: 1 MB, and its web server answers within milliseconds. */
function pushImage(lab: Lab): string {
  const name = `${lab.registry}/${repository}:1`
  const docker = (...args: string[]) =>
    execFileSync('docker', ['--host', lab.docker.host, ...args], { encoding: 'utf8' })
  const root = mkdtempSync(join(tmpdir(), 'runbook-image-'))
  mkdirSync(join(root, 'bin'))
  mkdirSync(join(root, 'www'))
  execFileSync('cp', ['/bin/busybox', join(root, 'bin/busybox')])
  for (const applet of ['sh', 'sleep', 'httpd', 'echo', 'cat', 'env', 'touch', 'mkdir']) {
    symlinkSync('busybox', join(root, 'bin', applet))
  }
  writeFileSync(join(root, 'www/index.html'), 'well\n')
  mkdirSync(dirname(join(root, 'tmp/x')), { recursive: true })
  const archive = `${root}.tar`
  // Fixed times and owners: the same bytes give the same digest each time.
  execFileSync('tar', [
    '--mtime=2026-01-01',
    '--numeric-owner',
    '--owner=0',
    '--group=0',
    '--sort=name',
    '-cf',
    archive,
    '-C',
    root,
    '.',
  ])
  docker(
    'import',
    '--change',
    'ENV PATH=/bin',
    '--change',
    'CMD ["httpd","-f","-p","3000","-h","/www"]',
    archive,
    name,
  )
  const pushed = docker('push', name)
  rmSync(root, { recursive: true })
  rmSync(archive)
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1]
  if (!digest) throw new Error(`docker push said no digest: ${pushed}`)
  return `${lab.registry}/${repository}@${digest}`
}
