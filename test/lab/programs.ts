import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Places } from './places.ts'
import { LabError } from './lab-error.ts'

const kubernetes = 'v1.35.4'
const kubernetesStamp = [
  `-X k8s.io/component-base/version.gitVersion=${kubernetes}`,
  '-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=35',
  `-X k8s.io/client-go/pkg/version.gitVersion=${kubernetes}`,
].join(' ')
const fromKubernetes = (program: string): Source => ({
  module: 'kubernetes',
  version: kubernetes,
  target: `k8s.io/kubernetes/cmd/${program}`,
  stamp: kubernetesStamp,
})

interface Source {
  /** The folder under go/ whose go.mod and go.sum fix every dependency. */
  module: string
  version: string
  target: string
  /** Linker flags that tell the program its version. */
  stamp?: string
}

/** What no package registry has as a program, but the Go module proxy has as source. */
const sources = {
  versitygw: { module: 'versitygw', version: 'v1.8.0', target: 'github.com/versity/versitygw/cmd/versitygw' },
  etcd: { module: 'etcd', version: 'v3.7.3', target: 'go.etcd.io/etcd/server/v3' },
  pause: { module: 'pause', version: 'v1', target: '.' },
  'kube-apiserver': fromKubernetes('kube-apiserver'),
  'kube-controller-manager': fromKubernetes('kube-controller-manager'),
  'kube-scheduler': fromKubernetes('kube-scheduler'),
  kubelet: fromKubernetes('kubelet'),
  'kube-proxy': fromKubernetes('kube-proxy'),
  kubectl: fromKubernetes('kubectl'),
  'metrics-server': {
    module: 'metrics-server',
    version: 'v0.9.0',
    target: 'sigs.k8s.io/metrics-server/cmd/metrics-server',
  },
  act: {
    module: 'act',
    version: 'v0.2.89',
    target: 'github.com/nektos/act',
    stamp: '-X main.version=0.2.89',
  },
} satisfies Record<string, Source>

/** Programs of a single test, of a bench, or of script/lint: the lab runs without them. */
const onDemand = {
  actionlint: {
    module: 'actionlint',
    version: 'v1.7.12',
    target: 'github.com/rhysd/actionlint/cmd/actionlint',
  },
  helm: { module: 'helm', version: 'v4.3.1', target: 'helm.sh/helm/v4/cmd/helm' },
  kubedog: { module: 'kubedog', version: 'v0.13.0', target: 'github.com/werf/kubedog/cmd/kubedog' },
  kwok: { module: 'kwok', version: 'v0.8.0', target: 'sigs.k8s.io/kwok/cmd/kwok' },
  grype: { module: 'grype', version: 'v0.121.2', target: 'github.com/anchore/grype/cmd/grype' },
  advisories: { module: 'grype', version: 'v1', target: '.' },
} satisfies Record<string, Source>

const goFrom =
  'install Go 1.26 or newer from https://go.dev/dl or with your package manager, and put it on PATH'

/** What go wrote, and what to do when it is too old to read our go.mod. */
const hintOf = (tail: string) =>
  /invalid go version|unknown (directive|block type)|requires go/.test(tail) ? `${tail}\n${goFrom}` : tail

export type Program = keyof typeof sources | keyof typeof onDemand

const sourceOf = (program: Program): Source => ({ ...sources, ...onDemand })[program]

/** Builds programs from source, one at a time (each build uses every core), and keeps them. */
export class Programs {
  readonly #places: Places
  readonly #signal: AbortSignal
  readonly #say: (part: string, text: string) => void
  #lane: Promise<unknown> = Promise.resolve()

  constructor(places: Places, signal: AbortSignal, say: (part: string, text: string) => void) {
    this.#places = places
    this.#signal = signal
    this.#say = say
  }

  /** What the lab is made of. */
  readonly all = Object.keys(sources) as Program[]

  #file(program: Program): string {
    const { module, version, stamp = '' } = sourceOf(program)
    const hash = createHash('sha256').update(stamp)
    for (const name of ['go.mod', 'go.sum', 'main.go']) {
      const file = join(this.#places.source, 'go', module, name)
      if (existsSync(file)) hash.update(readFileSync(file))
    }
    return join(this.#places.bin, `${program}-${version}-${hash.digest('hex').slice(0, 12)}`)
  }

  /** The path of the program; built when the cache has none of this version. */
  async build(program: Program): Promise<string> {
    const file = this.#file(program)
    if (existsSync(file)) return file
    const turn = this.#lane.then(() => this.#compile(program, file))
    this.#lane = turn.catch(() => undefined)
    await turn
    return file
  }

  async #compile(program: Program, file: string): Promise<void> {
    this.#signal.throwIfAborted()
    const { module, version, target, stamp = '' } = sourceOf(program)
    mkdirSync(this.#places.bin, { recursive: true })
    const started = Date.now()
    const seconds = () => Math.round((Date.now() - started) / 1000)
    let compiled = 0
    const tell = () =>
      this.#say(program, `building ${version} from source: ${compiled} packages compiled, ${seconds()} s`)
    tell()
    const timer = setInterval(tell, 15_000)
    const half = `${file}.half`
    try {
      await this.#go(
        join(this.#places.source, 'go', module),
        ['build', '-v', '-trimpath', '-ldflags', `-s -w ${stamp}`, '-o', half, target],
        () => compiled++,
      )
      renameSync(half, file)
      this.#say(program, `built in ${seconds()} s`)
    } finally {
      clearInterval(timer)
      rmSync(half, { force: true })
    }
  }

  #go(cwd: string, args: string[], onLine: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly -buildvcs=false' }
      const child = spawn('go', args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] })
      // SIGINT lets go end its compilers and remove its work folder; it is waited for.
      const interrupt = () => child.kill('SIGINT')
      this.#signal.addEventListener('abort', interrupt, { once: true })
      let tail: string[] = []
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        const lines = text.split('\n').filter(Boolean)
        lines.forEach(onLine)
        tail = [...tail, ...lines].slice(-12)
      })
      child.on('error', cause => {
        const two =
          'install Go 1.26 or newer from https://go.dev/dl or with your package manager, and put it on PATH'
        reject(new LabError('go is not installed', two, { cause }))
      })
      child.on('close', code => {
        this.#signal.removeEventListener('abort', interrupt)
        if (code === 0) resolve()
        else
          reject(new LabError(`go build ended with ${code ?? 'a signal'} in ${cwd}`, hintOf(tail.join('\n'))))
      })
    })
  }
}
