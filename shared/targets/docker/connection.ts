import { readFileSync } from 'node:fs'
import http, { type RequestOptions } from 'node:http'
import https from 'node:https'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { InputError, messageOf, quote } from '../../outcome/errors.ts'
import type { Adapters } from '../adapters.ts'
import { openPipe } from './pipe.ts'

/** A way to a Docker engine. */
export interface Connection {
  /** For people: `Docker at ssh://deploy@staging`. */
  place: string
  /** Where ports that containers publish on all addresses are reached from here. */
  host: string
  /** The engine runs on this machine, as far as its address tells. */
  local: boolean
  request(options: RequestOptions): http.ClientRequest
  close(): void
}

const accepted = 'unix:///path, tcp://host:port or ssh://user@host'

/**
 * The way that DOCKER_HOST describes: a unix socket, TCP, TCP with the certificates of DOCKER_CERT_PATH, or SSH by the
 * `docker system dial-stdio` of the other side, as the docker command does it. Nothing is connected yet.
 * @throws InputError when the address is none, or the certificates cannot be read
 */
export function connectEngine(host: string, { env, exec, log }: Adapters): Connection {
  const url = URL.parse(host)
  switch (url?.protocol) {
    case 'unix:': {
      const socketPath = decodeURIComponent(url.pathname)
      const agent = new http.Agent({ keepAlive: false })
      return connection('Docker on this machine', '127.0.0.1', true, agent, { socketPath })
    }
    case 'tcp:':
    case 'http:':
    case 'https:': {
      const place = `Docker at ${url.protocol}//${url.host}`
      const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
      const secured =
        url.protocol === 'https:' || Boolean(env['DOCKER_TLS_VERIFY'] ?? env['DOCKER_CERT_PATH'])
      const port = url.port || (secured ? '2376' : '2375')
      const agent = secured
        ? new https.Agent({ keepAlive: true, ...readCertificates(env['DOCKER_CERT_PATH']) })
        : new http.Agent({ keepAlive: true })
      return connection(place, hostname, false, agent, { host: hostname, port })
    }
    case 'ssh:': {
      const agent = new PipeAgent(() =>
        openPipe(exec, 'ssh', sshArguments(url), { env, onError: line => log.debug(`ssh: ${line}`) }),
      )
      return connection(`Docker at ${host}`, url.hostname, false, agent, {})
    }
    default:
      throw InputError.of('DOCKER_HOST', host, accepted)
  }
}

function connection(
  place: string,
  host: string,
  local: boolean,
  agent: http.Agent,
  to: RequestOptions,
): Connection {
  const { request } = agent instanceof https.Agent ? https : http
  return {
    place,
    host,
    local,
    request: options => request({ ...to, ...options, agent }),
    close: () => agent.destroy(),
  }
}

/** What follows `ssh`; nothing in the address can become an option of it. */
function sshArguments(url: URL): string[] {
  const user = decodeURIComponent(url.username)
  if (url.password || /^-|\s/.test(user) || url.hostname.startsWith('-') || url.hostname === '')
    throw InputError.of(
      'DOCKER_HOST',
      url.href,
      'ssh://user@host or ssh://user@host:port, without a password',
    )
  const socket = url.pathname.replace(/^\/$/, '')
  return [
    ...(user ? ['-l', user] : []),
    ...(url.port ? ['-p', url.port] : []),
    '-o',
    'ConnectTimeout=30',
    '-T',
    '--',
    url.hostname,
    'docker',
    ...(socket ? ['--host', `unix://${socket}`] : []),
    'system',
    'dial-stdio',
  ]
}

/** Each connection is a pipe of its own, kept while it is idle: a handshake costs some 100 ms. */
class PipeAgent extends http.Agent {
  readonly #open: () => Duplex

  constructor(open: () => Duplex) {
    super({ keepAlive: true })
    this.#open = open
  }

  override createConnection(): Duplex {
    return this.#open()
  }
}

function readCertificates(folder: string | undefined) {
  if (!folder) return {}
  const read = (name: string) => {
    try {
      return readFileSync(join(folder, name))
    } catch (cause) {
      throw new InputError(`DOCKER_CERT_PATH ${quote(folder)}: ${name} cannot be read: ${messageOf(cause)}`, {
        hint: 'Put ca.pem, cert.pem and key.pem of the Docker engine there.',
        cause,
      })
    }
  }
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') }
}
