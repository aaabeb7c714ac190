import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** A repository as a remote of git names it. */
export interface Remote {
  /** Of the server, like `github.com`. */
  host: string
  owner: string
  name: string
}

/** GitHub itself, or a server of an organisation, whose workflow syntax may be older. */
export type Server = 'github.com' | 'own-server'

/** @returns `github.com` also for a repository without a remote: it is pushed there most often */
export function serverOf(remote: Remote | undefined): Server {
  return remote === undefined || remote.host === 'github.com' ? 'github.com' : 'own-server'
}

/** Where Dockerfiles lie that build the image of production, the likeliest first. */
const dockerfiles = ['deployment/docker/Dockerfile.prod', 'Dockerfile', 'docker/Dockerfile']

/** @returns the path of the file that the image is built from; undefined when none is where one is looked for */
export function findDockerfile(root: string): string | undefined {
  return dockerfiles.find(file => existsSync(join(root, file)))
}

/** @returns undefined outside of a git repository, and for a remote `origin` that is none or no server's */
export function findRemote(root: string): Remote | undefined {
  try {
    const address = execFileSync('git', ['config', '--get', 'remote.origin.url'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return parseRemote(address.trim())
  } catch {
    return undefined
  }
}

/** @param address as git takes it: `https://github.com/org/api.git`, `git@github.com:org/api.git` */
export function parseRemote(address: string): Remote | undefined {
  const [, ofUrl, pathOfUrl] =
    /^(?:https?|ssh|git):\/\/(?:[^/@]*@)?([^/:]+)(?::\d+)?\/(.+)$/.exec(address) ?? []
  const [, ofScp, pathOfScp] = /^(?:[^/@]+@)?([^/:]+):(?!\/)(.+)$/.exec(address) ?? []
  const host = ofUrl ?? ofScp
  const [, owner, name] = /^([\w.-]+)\/([\w.-]+?)(?:\.git)?\/?$/.exec(pathOfUrl ?? pathOfScp ?? '') ?? []
  return host === undefined || owner === undefined || name === undefined ? undefined : { host, owner, name }
}

/**
 * The repository that the image of a service is pushed to, and whether it only stands for one that the user has to choose:
 * GitHub's own registry is known, a registry of another server is not.
 */
export function imageOf(remote: Remote | undefined, service: string): { image: string; isGuess: boolean } {
  if (remote?.host === 'github.com')
    return { image: `ghcr.io/${remote.owner.toLowerCase()}/${service}`, isGuess: false }
  return { image: `registry.example.com/${remote?.owner.toLowerCase() ?? 'org'}/${service}`, isGuess: true }
}
