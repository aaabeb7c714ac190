import http, { type RequestOptions } from 'node:http'
import https from 'node:https'
import type { Duplex } from 'node:stream'
import { InputError } from '../../../outcome/errors.ts'
import type { Adapters } from '../../adapters.ts'
import type { EngineAddress } from './address.ts'
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
 * The way that an address describes: a unix socket, TCP, TCP with TLS, or SSH by the `docker system dial-stdio` of the
 * other side, as the docker command does it. Nothing is connected yet.
 * @throws InputError when the address is none
 */
export function connectEngine(
  { host, source, tls }: EngineAddress,
  { env, exec, log }: Adapters,
): Connection {
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
      const port = url.port || (tls ? '2376' : '2375')
      const agent = tls ? new https.Agent({ keepAlive: true, ...tls }) : new http.Agent({ keepAlive: true })
      return connection(place, hostname, false, agent, { host: hostname, port })
    }
    case 'ssh:': {
      const args = sshArguments(url, source, env['RUNBOOK_SSH_CONFIG'])
      const agent = new PipeAgent(() =>
        openPipe(exec, 'ssh', args, { env, onError: line => log.debug(`ssh: ${line}`) }),
      )
      return connection(`Docker at ${host}`, url.hostname, false, agent, {})
    }
    default:
      throw InputError.of(source, host, accepted)
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

/**
 * What follows `ssh`; nothing in the address can become an option of it.
 * @param config a configuration file to use instead of the user's own: a runner has no key and no known hosts of its own
 */
function sshArguments(url: URL, source: string, config: string | undefined): string[] {
  const user = decodeURIComponent(url.username)
  if (url.password || /^-|\s/.test(user) || url.hostname.startsWith('-') || url.hostname === '')
    throw InputError.of(
      source,
      `ssh://${url.host}`,
      'ssh://user@host or ssh://user@host:port, without a password',
    )
  const socket = url.pathname.replace(/^\/$/, '')
  return [
    ...(config ? ['-F', config] : []),
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
