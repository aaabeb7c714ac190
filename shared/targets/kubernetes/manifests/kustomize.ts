import { cutEnd } from '../../../outcome/cut.ts'
import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { InputError, messageOf, ToolError } from '../../../outcome/errors.ts'
import { collectWithin } from '../../../host/within-limit.ts'
import type { Adapters } from '../../adapters.ts'

/** The names that kustomize itself looks for. */
const names = ['kustomization.yaml', 'kustomization.yml', 'Kustomization']

/** The user's own programs that build one, in the order of preference; hosted runners have both. */
const builders = [
  { program: 'kustomize', args: ['build'] },
  { program: 'kubectl', args: ['kustomize'] },
]

/** Remote bases are fetched with git, which may hang. */
const buildMs = 120_000

/** As much as a file of manifests may have. */
const mostBytes = 64 * 2 ** 20

async function output(stream: Readable, program: string): Promise<string> {
  const hint =
    'Make the kustomization smaller: files of many megabytes belong into a volume, not into a ConfigMap.'
  const limit = { what: `what ${program} built`, mostBytes, hint }
  return (await collectWithin(stream as AsyncIterable<Buffer>, limit)).toString('utf8')
}

/** The folder of a kustomization, when that is what a path names: the folder itself or its file. */
export function kustomizationAt(root: string, path: string): string | undefined {
  const at = resolve(root, path)
  if (names.includes(basename(path)) && existsSync(at)) return dirname(path)
  const isFolder = statSync(at, { throwIfNoEntry: false })?.isDirectory() ?? false
  return isFolder && names.some(name => existsSync(join(at, name))) ? path : undefined
}

/**
 * Builds a kustomization with the user's own program. Plugins, exec functions and Helm charts stay off: they would run
 * whatever the repository says.
 * @param folder relative to `root`
 * @returns the manifests as YAML
 * @throws InputError when no program is there, or the build fails
 */
export async function buildKustomization(
  { exec, env, log, secrets, signal }: Adapters,
  root: string,
  folder: string,
): Promise<string> {
  for (const { program, args } of builders) {
    const late = AbortSignal.timeout(buildMs)
    const child = exec.start(program, [...args, resolve(root, folder)], {
      env,
      cwd: root,
      signal: AbortSignal.any([signal, late]),
    })
    child.stdin.on('error', () => undefined)
    child.stdin.end()
    const ended = new Promise<number>((done, fail) => {
      child.on('error', fail)
      child.on('close', code => done(code ?? 1))
    })
    const [built, said, end] = await Promise.allSettled([
      output(child.stdout, program),
      output(child.stderr, program),
      ended,
    ])
    signal.throwIfAborted()
    const stderr = secrets.redact(said.status === 'fulfilled' ? said.value.trim() : '')
    const large = [built, said].find(
      (each): each is PromiseRejectedResult => each.status === 'rejected' && each.reason instanceof ToolError,
    )
    if (large) throw large.reason
    if (end.status === 'rejected') {
      if ((end.reason as { code?: string }).code === 'ENOENT') continue
      const why = late.aborted ? `it did not end within ${buildMs / 1_000} s` : messageOf(end.reason)
      throw unbuilt(folder, program, args, why, end.reason)
    }
    if (end.value !== 0 || built.status === 'rejected')
      throw unbuilt(folder, program, args, stderr || `exit code ${end.value}`)
    for (const line of stderr.split('\n')) if (line !== '') log.warn(`${program}: ${line}`)
    log.debug(`${folder} was built by ${program}.`)
    return built.value
  }
  throw new InputError(
    `manifests: ${folder} is a kustomization, and neither kustomize nor kubectl is on PATH`,
    {
      hint: 'Install one of the two, or build it beforehand and name the file that comes out as manifests.',
    },
  )
}

function unbuilt(folder: string, program: string, args: string[], why: string, cause?: unknown): InputError {
  // Of a long explanation the beginning names the file.
  return new InputError(`manifests: the kustomization ${folder} cannot be built: ${cutEnd(why, 600)}`, {
    hint: `Fix it until this works: ${program} ${args.join(' ')} ${folder}. Plugins and Helm charts are not run; build those beforehand.`,
    cause,
  })
}
