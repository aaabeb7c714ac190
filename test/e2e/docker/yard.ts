import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../../shared/host/clock.ts'
import { systemExec } from '../../../shared/host/exec.ts'
import { createSecrets, type Secrets } from '../../../shared/host/secrets/secrets.ts'
import { hasEnded } from '../../../shared/host/process-identity.ts'
import type { DockerSpec } from '../../../shared/config/schema/schema.ts'
import { openTarget } from '../../../shared/targets/open.ts'
import type { Target } from '../../../shared/targets/target.ts'
import { openLab, type Lab } from '../../lab/lab.ts'
import { environmentAt } from '../gate/ports.ts'
import { logTo } from '../../log.ts'

/** A container name and a port of the lab's Docker engine that one test has for itself. */
export interface Yard {
  lab: Lab
  /** Name of the container that serves. */
  container: string
  port: number
  images: Images
  docker(...args: string[]): string
  /** Opens the environment; `host` and `spec` stand in for what the runbook would say. */
  open(as?: { host?: string; spec?: Partial<DockerSpec>; signal?: AbortSignal }): Promise<Opened>
  /** What the service answers, or how it does not. */
  ask(): Promise<string>
  /** Names of the environment's containers that are there, with their states. */
  containers(): Record<string, string>
  /** Removes everything that the test has made. */
  leave(): Promise<void>
  readonly left: boolean
}

export interface Images {
  /** Answers with its VERSION on port 3000. MODE makes it ill: `crash`, `deaf`, `hog`; it takes BOOT seconds to listen. */
  plain: string
  /** The same with a health check, which MODE `sick` fails. */
  checked: string
  /** The same, whose health is known within half a second: for tests that wait for it often. */
  quick: string
  /** Declares /data as a volume; wherever that is there, it keeps the versions that have run, in `boots`. */
  data: string
  /** Its program is not in it. */
  empty: string
}

export interface Opened {
  target: Target
  logged: string[]
  secrets: Secrets
}

/** @param images from `pushImages`: once for all tests of a file */
export function enterYard(name: string, port: number, images: Images): Yard {
  const lab = openLab()
  const container = `e2e-${name}-${process.pid}`
  const opened: Target[] = []
  let gone = false
  const docker = dockerOf(lab)
  const containers = () =>
    Object.fromEntries(
      docker('ps', '-a', '--filter', `name=^${container}`, '--format', '{{.Names}} {{.State}}')
        .split('\n')
        .filter(Boolean)
        .map(line => line.split(' ') as [string, string]),
    )
  return {
    lab,
    container,
    port,
    images,
    docker,
    async open({ host = lab.docker.host, spec = {}, signal = new AbortController().signal } = {}) {
      const logged: string[] = []
      const secrets = createSecrets()
      const target = await openTarget(
        environmentAt('', {
          service: container,
          root: tmpdir(),
          target: { kind: 'docker', container, ports: [`${port}:3000`], host, ...spec },
        }),
        {
          clock: systemClock,
          exec: systemExec,
          log: logTo(line => void logged.push(line)),
          secrets,
          env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
          kubeconfig: '',
          hasEnded,
          signal,
        },
      )
      opened.push(target)
      return { target, logged, secrets }
    },
    ask: () => ask(port),
    containers,
    get left() {
      return gone
    },
    async leave() {
      gone = true
      await Promise.all(opened.map(target => target.close()))
      const left = Object.keys(containers())
      if (left.length > 0) docker('rm', '-f', '-v', ...left)
      const volumes = docker('volume', 'ls', '-q', '--filter', `name=^${container}`)
        .split('\n')
        .filter(Boolean)
      if (volumes.length > 0) docker('volume', 'rm', ...volumes)
    },
  }
}

/** Waits for a condition; the error says which one did not come. */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const giveUp = performance.now() + 30_000
  while (performance.now() < giveUp) {
    if (await holds()) return
    await sleep(20)
  }
  throw new Error(`waited 30 s for ${what}`)
}

export interface Watched {
  /** Milliseconds. */
  longestGap: number
  /** Requests that had no good answer. */
  failed: number
}

/** Asks a service all the while, until `end`. */
export function watchService(yard: Yard): { end(): Promise<Watched> } {
  const stop = new AbortController()
  const done = (async () => {
    let [longestGap, lastGood, failed] = [0, performance.now(), 0]
    while (!stop.signal.aborted && !yard.left) {
      if (/^v\d/.test(await yard.ask())) {
        longestGap = Math.max(longestGap, performance.now() - lastGood)
        lastGood = performance.now()
      } else failed += 1
      await sleep(5)
    }
    return { longestGap, failed }
  })()
  return {
    end: () => {
      stop.abort()
      return done
    },
  }
}

function ask(port: number): Promise<string> {
  return new Promise(resolve => {
    const asked = request({ host: '127.0.0.1', port, path: '/', agent: false, timeout: 5_000 }, response => {
      let body = ''
      response.on('data', chunk => (body += String(chunk)))
      response.on('end', () => resolve(body.trim()))
      response.on('error', error => resolve(error.message))
    })
    asked.on('timeout', () => asked.destroy(new Error('timeout')))
    asked.on('error', error => resolve(error.message))
    asked.end()
  })
}

const serve = `#!/bin/sh
trap 'rmdir /data/open 2>/tmp/none; exit 0' TERM INT
echo "this is $VERSION, mode \${MODE:-well}"
[ -n "$BOOT" ] && sleep "$BOOT"
if [ -d /data ]; then
  mkdir /data/open 2>/tmp/none || echo "$VERSION" >>/data/twice
  echo "$VERSION" >>/data/boots
fi
[ "$MODE" = crash ] && { echo "cannot find my hat; token $TOKEN"; exit 3; }
[ "$MODE" = hog ] && { x=aaaaaaaa; while :; do x=$x$x; done; }
[ "$MODE" = sick ] || touch /tmp/well
echo "$VERSION" > /www/index.html
[ "$MODE" = deaf ] || httpd -p "\${PORT:-3000}" -h /www
sleep 100000 &
wait
`

type Docker = (...args: string[]) => string

function dockerOf(lab: Lab): Docker {
  return (...args) =>
    execFileSync('docker', ['--host', lab.docker.host, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim()
}

/** Busybox alone, pushed to the lab's registry: it starts within milliseconds, and ends when it is asked to. */
export function pushImages(): Images {
  const lab = openLab()
  const docker = dockerOf(lab)
  const root = mkdtempSync(join(tmpdir(), 'runbook-image-'))
  for (const folder of ['bin', 'www', 'tmp']) mkdirSync(join(root, folder))
  execFileSync('cp', ['/bin/busybox', join(root, 'bin/busybox')])
  for (const applet of ['sh', 'sleep', 'httpd', 'touch', 'test', 'cat', 'stat', 'mkdir', 'rmdir', 'true'])
    symlinkSync('busybox', join(root, 'bin', applet))
  writeFileSync(join(root, 'bin/serve'), serve, { mode: 0o755 })
  const archive = `${root}.tar`
  const fixed = ['--mtime=2026-01-01', '--numeric-owner', '--owner=0', '--group=0', '--sort=name']
  execFileSync('tar', [...fixed, '-cf', archive, '-C', root, '.'])
  const base = `${lab.registry}/e2e-docker:base`
  docker('import', '--change', 'ENV PATH=/bin', '--change', 'CMD ["/bin/serve"]', archive, base)
  const check = 'HEALTHCHECK --interval=1s --timeout=1s --retries=2 CMD ["test", "-f", "/tmp/well"]'
  const images = {
    plain: push(`FROM ${base}\nEXPOSE 3000\n`, 'plain'),
    checked: push(`FROM ${base}\nEXPOSE 3000\n${check}\n`, 'checked'),
    quick: push(`FROM ${base}\nEXPOSE 3000\n${check.replace('interval=1s', 'interval=400ms')}\n`, 'quick'),
    data: push(`FROM ${base}\nVOLUME /data\n`, 'data'),
    empty: push(`FROM ${base}\nCMD ["/bin/nowhere"]\n`, 'empty'),
  }
  rmSync(root, { recursive: true })
  rmSync(archive)
  return images

  function push(dockerfile: string, tag: string): string {
    const name = `${lab.registry}/e2e-docker:${tag}`
    const options = {
      input: dockerfile,
      encoding: 'utf8',
      env: { ...process.env, DOCKER_BUILDKIT: '0' },
    } as const
    execFileSync('docker', ['--host', lab.docker.host, 'build', '-q', '-t', name, '-'], {
      ...options,
      stdio: 'pipe',
    })
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed(name))?.[1]
    if (!digest) throw new Error('docker push said no digest')
    return `${lab.registry}/e2e-docker@${digest}`
  }

  /** One at a time: a registry that has no layer yet refuses one of two that bring the same one at once. */
  function pushed(name: string): string {
    const lock = join(tmpdir(), 'e2e-docker.lock')
    return execFileSync('flock', [lock, 'docker', '--host', lab.docker.host, 'push', name], {
      encoding: 'utf8',
      stdio: 'pipe',
    })
  }
}
