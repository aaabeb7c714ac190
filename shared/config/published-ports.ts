/** What is wrong with one of the ports that a container publishes. */
export interface PortFault {
  /** Which of the ports, from 0. */
  index: number
  accepted: string
}

interface Published {
  address: string
  host: number
  container: number
  protocol: string
}

/**
 * The first port that no engine can publish: a number that is no port, or a port of the host that another one takes. The
 * engine finds out only when it starts the container, and the previous one has ended by then.
 * @param ports `[ADDRESS:]HOST:CONTAINER[/PROTOCOL]`
 */
export function faultOfPorts(ports: string[]): PortFault | undefined {
  const read = ports.map(parse)
  for (const [index, port] of read.entries()) {
    if (![port.host, port.container].every(each => each >= 1 && each <= 65_535))
      return { index, accepted: 'HOST:CONTAINER with ports from 1 to 65535' }
    const other = read.slice(0, index).findIndex(each => areSame(each, port))
    if (other >= 0)
      return {
        index,
        accepted: `each port of the host once; ${ports[other] ?? ''} publishes ${port.host}/${port.protocol} already`,
      }
  }
  return undefined
}

function parse(text: string): Published {
  const [numbers = '', protocol = 'tcp'] = text.split('/')
  const [container = '', host = '', address = ''] = numbers.split(':').toReversed()
  return { address, host: Number(host), container: Number(container), protocol }
}

function areSame(a: Published, b: Published): boolean {
  const everywhere = [a.address, b.address].some(each => each === '' || each === '0.0.0.0')
  return a.host === b.host && a.protocol === b.protocol && (everywhere || a.address === b.address)
}
