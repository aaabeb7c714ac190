import { InputError, ToolError } from '../../outcome/errors.ts'
import { withoutEnd } from '../../outcome/strip.ts'
import type { Clock } from '../../host/clock.ts'
import { nextPage, readJson, refusalOf } from './github-answers.ts'
import { openHttp, type HttpAnswer } from '../http/http.ts'
import { requestPatiently } from '../http/patience.ts'

/** Which repository is asked, and how. */
export interface GitHubAccess {
  /** Base URL of the REST API: `https://api.github.com`, or that of a GitHub Enterprise Server (`.../api/v3`). */
  apiUrl: string
  /** `owner/name`. */
  repository: string
  /** A secret; it stands in no error. */
  token: string
  clock: Clock
  /** Of each question, milliseconds. */
  timeoutMs: number
  signal: AbortSignal
}

const apiVersion = '2022-11-28'
const defaultApiUrl = 'https://api.github.com'
/** 100 a page is the most that GitHub gives. */
export const perPage = 100
/** A commit with more checks than this is not judged by halves: it is an error. */
const mostPages = 10

/**
 * Where a runner says that GitHub is.
 * @param env the runner's environment: GITHUB_API_URL, GITHUB_REPOSITORY
 * @returns undefined when this is no run of a repository
 */
export function readGitHubPlace(
  env: Record<string, string | undefined>,
): Pick<GitHubAccess, 'apiUrl' | 'repository'> | undefined {
  const { GITHUB_REPOSITORY: repository = '', GITHUB_API_URL: apiUrl = '' } = env
  return repository === '' ? undefined : { apiUrl: apiUrl || defaultApiUrl, repository }
}

/** Requests to the REST API of one repository. */
export interface GitHubRest {
  /** The URL that the paths of the repository begin with. */
  base: string
  /** @throws ToolError when GitHub does not do it */
  send: (method: 'GET' | 'POST', url: string, body?: object) => Promise<HttpAnswer>
  /** All pages of a list. @param pick finds the list in a page */
  list: <T>(path: string, pick: (page: unknown) => T[]) => Promise<T[]>
  close: () => void
}

/** @throws InputError when `repository` is not `owner/name` or `apiUrl` no URL */
export function openRest(access: GitHubAccess): GitHubRest {
  const { repository, token, clock, timeoutMs, signal } = access
  if (!/^[\w.-]+\/[\w.-]+$/.test(repository))
    throw InputError.of('GITHUB_REPOSITORY', repository, 'owner/name')
  const api = URL.parse(access.apiUrl)
  if (!api || !/^https?:$/.test(api.protocol))
    throw InputError.of('GITHUB_API_URL', access.apiUrl, 'the URL of a REST API of GitHub')
  const base = `${withoutEnd(access.apiUrl, '/')}/repos/${repository}`
  const http = openHttp({ kept: 4 })

  async function send(method: 'GET' | 'POST', url: string, body?: object): Promise<HttpAnswer> {
    const answer = await requestPatiently(
      http,
      {
        url,
        method,
        headers: {
          accept: 'application/vnd.github+json',
          'x-github-api-version': apiVersion,
          authorization: `Bearer ${token}`,
          ...(body ? { 'content-type': 'application/json' } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
        timeoutMs,
        maxBytes: 8 * 2 ** 20,
        signal,
      },
      clock,
    )
    if (answer.status >= 200 && answer.status < 300) return answer
    throw refusalOf(method, url, answer, clock.now())
  }

  async function list<T>(path: string, pick: (page: unknown) => T[]): Promise<T[]> {
    const found: T[] = []
    let next: string | undefined = `${base}/${path}${path.includes('?') ? '&' : '?'}per_page=${perPage}`
    for (let page = 0; next !== undefined; page += 1) {
      if (page === mostPages)
        throw new ToolError(`GitHub has more than ${mostPages * perPage} entries at ${path}`, {
          tool: 'GitHub',
          hint: 'Look at them on GitHub: there are too many to judge here.',
        })
      const answer = await send('GET', next)
      found.push(...pick(readJson(answer)))
      next = nextPage(answer, next)
    }
    return found
  }

  return { base, send, list, close: () => http.close() }
}
