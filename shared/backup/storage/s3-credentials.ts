import { readFile } from 'node:fs/promises'
import { request as plainRequest, type Agent as HttpAgent } from 'node:http'
import { request as secureRequest, type Agent as HttpsAgent } from 'node:https'
import type { S3ClientConfig } from '@aws-sdk/client-s3'
import { ToolError } from '../../outcome/errors.ts'
import { collectWithin } from '../../host/within-limit.ts'

/** Connections that go through the proxy, where there is one. */
export interface Agents {
  httpAgent: HttpAgent
  httpsAgent: HttpsAgent
}

/** Whom GitHub's token is for; trust policies name it. */
const audience = 'sts.amazonaws.com'
const tokenWithinMs = 20_000

/**
 * What the store is asked with: the keys that are set; else a role (AWS_ROLE_ARN) for a token, which is in a file
 * (AWS_WEB_IDENTITY_TOKEN_FILE), or which GitHub gives the job (`permissions: id-token: write`); else, undefined, what
 * the SDK finds by itself: a container's role, a machine's, a profile. Roles are asked for anew before they run out.
 * @param said reads a variable; undefined when it is not set
 */
export function credentialsOf(
  said: (name: string) => string | undefined,
  region: string,
  agents: Agents,
): S3ClientConfig['credentials'] {
  const [accessKeyId, secretAccessKey] = [said('AWS_ACCESS_KEY_ID'), said('AWS_SECRET_ACCESS_KEY')]
  const sessionToken = said('AWS_SESSION_TOKEN')
  if (accessKeyId !== undefined && secretAccessKey !== undefined)
    return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
  const roleArn = said('AWS_ROLE_ARN')
  const [file, url] = [said('AWS_WEB_IDENTITY_TOKEN_FILE'), said('ACTIONS_ID_TOKEN_REQUEST_URL')]
  if (roleArn === undefined || (file === undefined && url === undefined)) return undefined
  return async () => {
    const { fromWebToken } = await import('@aws-sdk/credential-provider-web-identity')
    const webIdentityToken =
      file === undefined
        ? await askGitHub(url ?? '', said('ACTIONS_ID_TOKEN_REQUEST_TOKEN') ?? '', agents)
        : (await readToken(file)).trim()
    const endpoint = said('AWS_ENDPOINT_URL_STS')
    const assume = fromWebToken({
      roleArn,
      roleSessionName: said('AWS_ROLE_SESSION_NAME') ?? 'runbook-actions',
      webIdentityToken,
      clientConfig: { region, requestHandler: agents, ...(endpoint === undefined ? {} : { endpoint }) },
    })
    return assume()
  }
}

async function readToken(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new ToolError(`AWS_WEB_IDENTITY_TOKEN_FILE: ${file} cannot be read`, {
      tool: 'AWS credentials',
      hint: 'Check the path, and that whatever writes the token there has done so.',
      cause,
    })
  }
}

/** As https://docs.github.com/en/actions/reference/security/oidc has it. */
async function askGitHub(url: string, token: string, { httpAgent, httpsAgent }: Agents): Promise<string> {
  const asked = new URL(url)
  asked.searchParams.set('audience', audience)
  const [request, agent] =
    asked.protocol === 'https:' ? [secureRequest, httpsAgent] : [plainRequest, httpAgent]
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
  const signal = AbortSignal.timeout(tokenWithinMs)
  const answer = await new Promise<{ status: number; body: string }>((resolve, reject) => {
    request(asked, { agent, headers, signal }, response => {
      collectWithin(response as AsyncIterable<Buffer>, {
        what: "GitHub's identity token",
        mostBytes: 2 ** 20,
      }).then(body => resolve({ status: response.statusCode ?? 0, body: body.toString('utf8') }), reject)
    })
      .on('error', reject)
      .end()
  })
  const value = answer.status === 200 ? /"value"\s*:\s*"([^"]+)"/.exec(answer.body)?.[1] : undefined
  if (value !== undefined) return value
  throw new ToolError(`GitHub gave no identity token for the store: status ${answer.status}`, {
    tool: 'GitHub OIDC',
    code: answer.status,
    hint: 'Give the job the permission id-token: write.',
  })
}
