import type { CreateBody, PortBindings } from './containers.ts'

/** A port of the host, and the port of the container behind it. */
export interface PublishedPort {
  /** Empty for all addresses. */
  address: string
  host: number
  container: number
  protocol: 'tcp' | 'udp' | 'sctp'
}

/** `3001:3000`, `127.0.0.1:3001:3000`, `8125:8125/udp` */
export function parsePort(text: string): PublishedPort {
  const [numbers = '', protocol = 'tcp'] = text.split('/')
  const parts = numbers.split(':')
  const [container = '', host = ''] = parts.toReversed()
  return {
    address: parts.length > 2 ? (parts[0] ?? '') : '',
    host: Number(host),
    container: Number(container),
    protocol: protocol as PublishedPort['protocol'],
  }
}

/** The port whose answer says that the service is up: the first one over TCP; undefined when there is none. */
export function answeringPort(ports: string[]): PublishedPort | undefined {
  return ports.map(parsePort).find(({ protocol }) => protocol === 'tcp')
}

/** Ports as the engine is asked to publish them. */
export function bindingsOf(ports: PublishedPort[]): PortBindings {
  const bindings: PortBindings = {}
  for (const { address, host, container, protocol } of ports)
    (bindings[`${container}/${protocol}`] ??= []).push({ HostIp: address, HostPort: String(host) })
  return bindings
}

/** Every host port that a body publishes; none of those that the engine chooses. */
export function publishedPorts({ HostConfig: host }: Pick<CreateBody, 'HostConfig'>): PublishedPort[] {
  return Object.entries(host?.PortBindings ?? {}).flatMap(([key, bindings]) => {
    const [container = '', protocol = 'tcp'] = key.split('/')
    return (bindings ?? []).flatMap(({ HostIp: address = '', HostPort: text }) => {
      const port = Number(text)
      if (!(port > 0)) return []
      return [
        {
          address,
          host: port,
          container: Number(container),
          protocol: protocol as PublishedPort['protocol'],
        },
      ]
    })
  })
}

/** Two containers cannot publish both: the same port of one protocol, at an address that both have. */
export function collide(
  a: Pick<PublishedPort, 'address' | 'host' | 'protocol'>,
  b: Pick<PublishedPort, 'address' | 'host' | 'protocol'>,
): boolean {
  return a.host === b.host && a.protocol === b.protocol && shareAddress(a.address, b.address)
}

/** `0.0.0.0` is every address of version 4, `::` every one of version 6, and none given is all of both. */
function shareAddress(a: string, b: string): boolean {
  if (a === '' || b === '' || a === b) return true
  const version = (address: string) => (address.includes(':') ? 6 : 4)
  return version(a) === version(b) && [a, b].some(each => each === '0.0.0.0' || each === '::')
}

/** `port 3001`, `port 53/udp of 127.0.0.1`; for people. */
export function showPort({ address, host, protocol }: PublishedPort): string {
  return `port ${host}${protocol === 'tcp' ? '' : `/${protocol}`}${address === '' ? '' : ` of ${address}`}`
}
