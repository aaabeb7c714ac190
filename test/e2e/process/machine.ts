import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../shared/host/clock.ts'
import { systemExec } from '../../../shared/host/exec.ts'
import { createSecrets, type Secrets } from '../../../shared/host/secrets/secrets.ts'
import { hasEnded } from '../../../shared/host/process-identity.ts'
import { gateDefaults } from '../../../shared/config/environment.ts'
import type { ProcessSpec } from '../../../shared/config/schema/schema.ts'
import { openTarget } from '../../../shared/targets/open.ts'
import type { Target } from '../../../shared/targets/target.ts'
import { placesOf } from '../../lab/places.ts'
import { silent } from '../../log.ts'

/** A service repository and a pm2 of its own, that one test has for itself. */
export interface Machine {
  root: string
  port: number
  secrets: Secrets
  /** What a command on this machine is given: PATH with the pm2, HOME, PM2_HOME. */
  env: Record<string, string | undefined>
  open(spec?: Partial<ProcessSpec>, path?: string): Promise<Target>
  /** Commits what the service is from now on, under a tag. */
  tag(version: string, files: Record<string, string>): void
  write(files: Record<string, string>): void
  pm2(...args: string[]): string
  /** What the service answers, or how it does not. */
  ask(): Promise<string>
  leave(): Promise<void>
}

const pm2Version = '7.0.4'

/** The folder of the real pm2's command: installed once into the cache, since it is AGPL and no dependency of this suite. */
export function installPm2(): string {
  const folder = join(placesOf(process.env).cache, `pm2-${pm2Version}`)
  const bin = join(folder, 'node_modules/.bin')
  if (!existsSync(join(bin, 'pm2'))) {
    mkdirSync(folder, { recursive: true })
    const options = ['--prefix', folder, '--no-audit', '--no-fund', '--no-save']
    execFileSync('npm', ['install', ...options, `pm2@${pm2Version}`], { stdio: 'pipe', timeout: 180_000 })
  }
  return bin
}

export function enterMachine(pm2Folder: string, port: number): Machine {
  const root = mkdtempSync(join(tmpdir(), 'runbook-machine-'))
  const home = mkdtempSync(join(tmpdir(), 'rb-pm2-'))
  const secrets = createSecrets()
  const env = {
    PATH: `${pm2Folder}:${process.env['PATH'] ?? ''}`,
    HOME: process.env['HOME'],
    PM2_HOME: home,
  }
  const run = (file: string, args: string[]) =>
    execFileSync(file, args, { cwd: root, env, encoding: 'utf8', stdio: 'pipe' })
  const write = (files: Record<string, string>) => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(root, name, '..'), { recursive: true })
      writeFileSync(join(root, name), text)
    }
  }
  run('git', ['init', '-q', '-b', 'main'])
  run('git', ['config', 'user.email', 'ada@example.com'])
  run('git', ['config', 'user.name', 'ada'])
  return {
    root,
    port,
    secrets,
    env,
    write,
    open: (spec = {}, path = env.PATH) =>
      openTarget(
        {
          service: 'probe',
          name: 'development',
          root,
          target: {
            kind: 'process',
            app: 'probe',
            directory: 'deployment/releases',
            source: 'service',
            start: 'main.js',
            ...spec,
          },
          url: `http://127.0.0.1:${port}`,
          envFile: '',
          requires: [],
          backup: undefined,
          tunnels: { database: '', redis: '' },
          gate: { ...gateDefaults, baselineMs: 0 },
          monitoring: { prometheus: '', grafana: '', pushgateway: '' },
          notify: { slack: '', github: '' },
          smoke: { suite: '', requests: 1, concurrency: 1 },
        },
        {
          clock: systemClock,
          exec: systemExec,
          log: silent,
          secrets,
          env: { ...env, PATH: path },
          kubeconfig: '',
          hasEnded,
          signal: new AbortController().signal,
        },
      ),
    tag(version, files) {
      write(files)
      run('git', ['add', '-A'])
      run('git', ['commit', '-q', '-m', version])
      run('git', ['tag', version])
    },
    pm2: (...args) => run(join(pm2Folder, 'pm2'), args),
    ask: () => ask(port),
    leave() {
      run(join(pm2Folder, 'pm2'), ['kill'])
      rmSync(root, { recursive: true })
      rmSync(home, { recursive: true, force: true })
      return Promise.resolve()
    },
  }
}

function ask(port: number): Promise<string> {
  return new Promise(resolve => {
    const asked = request({ host: '127.0.0.1', port, agent: false, timeout: 2_000 }, response => {
      let body = ''
      response.on('data', chunk => (body += String(chunk)))
      response.on('end', () => resolve(body.trim()))
    })
    asked.on('timeout', () => asked.destroy(new Error('timeout')))
    asked.on('error', error => resolve(error.message))
    asked.end()
  })
}
