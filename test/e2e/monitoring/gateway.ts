import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export interface Gateway {
  url: string
  stop: () => Promise<void>
}

/** Prometheus' own Pushgateway, of the Debian package, on a free port. */
export async function startGateway(): Promise<Gateway> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  // Debian's keeps its state under /var/lib unless it is told to keep none.
  const args = [`--web.listen-address=127.0.0.1:${port}`, '--persistence.file=']
  const child = spawn('prometheus-pushgateway', args, { stdio: 'ignore' })
  await once(child, 'spawn')
  const url = `http://127.0.0.1:${port}`
  const ready = () =>
    fetch(`${url}/-/ready`).then(
      answer => answer.ok,
      () => false,
    )
  while (!(await ready())) {
    if (child.exitCode !== null) throw new Error(`the Pushgateway ended with ${child.exitCode}`)
    await pause(50)
  }
  const stop = async () => {
    child.kill()
    await once(child, 'exit')
  }
  return { url, stop }
}
