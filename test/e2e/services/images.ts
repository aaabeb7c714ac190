import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Lab } from '../../lab/lab.ts'
import { placesOf } from '../../lab/places.ts'

/** Fills an empty folder with a Dockerfile and what it copies. */
export type Ingredients = (context: string) => void

/** Programs that lie under another name, or not on PATH. */
function findProgram(name: string): string {
  if (name === 'python') return '/usr/bin/python3'
  if (name === 'etcd') {
    const { bin } = placesOf(process.env)
    const built = readdirSync(bin).find(file => file.startsWith('etcd-') && !file.endsWith('.half'))
    if (built === undefined) throw new Error('the lab has built no etcd')
    return join(bin, built)
  }
  return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()
}

/** A program of this machine, with the libraries that its loader opens, in an image of nothing else. */
export function programImage(
  name: string,
  files: Record<string, string> = {},
  words: string[] = [],
): Ingredients {
  return context => {
    const program = findProgram(name)
    const put = (from: string, to = from) => {
      mkdirSync(join(context, 'root', dirname(to)), { recursive: true })
      copyFileSync(from, join(context, 'root', to))
    }
    put(program, '/bin/program')
    for (const library of librariesOf(program)) put(library)
    for (const folder of ['data', 'tmp']) {
      mkdirSync(join(context, 'root', folder), { recursive: true })
      chmodSync(join(context, 'root', folder), 0o1777)
    }
    if (name === 'python') {
      const library = '/usr/lib/python3.11'
      cpSync(library, join(context, 'root', library), { recursive: true, dereference: true })
      for (const extension of readdirSync(join(library, 'lib-dynload')))
        for (const needed of librariesOf(join(library, 'lib-dynload', extension))) put(needed)
    }
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(context, 'root', dirname(file)), { recursive: true })
      writeFileSync(join(context, 'root', file), text)
    }
    const command = ['/bin/program', ...(files['app.py'] === undefined ? [] : ['/app.py']), ...words]
    writeFileSync(
      join(context, 'Dockerfile'),
      `FROM scratch\nCOPY root /\n${name === 'python' ? 'VOLUME /data\n' : ''}USER 1000:1000\nENTRYPOINT ${JSON.stringify(command)}\n`,
    )
  }
}

function librariesOf(file: string): string[] {
  try {
    const said = execFileSync('ldd', [file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return [...new Set(said.match(/\/\S+/g) ?? [])].filter(path => existsSync(path))
  } catch {
    // A program without libraries.
    return []
  }
}

/** A Node.js service whose packages come from the registry while the image is prepared. */
export function npmImage(
  dependencies: Record<string, string>,
  start: string,
  files: Record<string, string>,
): Ingredients {
  return context => {
    writeFileSync(join(context, 'package.json'), JSON.stringify({ private: true, dependencies }))
    for (const [file, text] of Object.entries(files)) writeFileSync(join(context, file), text)
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--omit=dev'], {
      cwd: context,
      stdio: 'pipe',
      timeout: 180_000,
    })
    writeFileSync(
      join(context, 'Dockerfile'),
      `FROM node:24-bookworm-slim\nWORKDIR /app\nCOPY . .\nUSER 1000:1000\nENTRYPOINT ["node", "${start}"]\n`,
    )
  }
}

/** Builds an image and pushes it to the lab's registry. */
export function buildImage(lab: Lab, folder: string, name: string, ingredients: Ingredients): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  ingredients(folder)
  const env = { ...process.env, DOCKER_BUILDKIT: '0' }
  for (const args of [
    ['build', '-q', '-t', name, folder],
    ['push', '-q', name],
  ])
    execFileSync('docker', ['--host', lab.docker.host, ...args], { env, stdio: 'pipe' })
}
