import { readHost } from '../../host/host.ts'
import type { Environment } from '../../config/environment.ts'
import { showSize } from '../../config/values.ts'
import { fail, pass, warn, type Check } from '../check.ts'

/** A host with this many waiting processes a CPU answers no request in time. */
const busyLoad = 2

/** Where the service runs on this machine, the guide's thresholds hold for it; elsewhere, only its disk matters. */
export const host: Check = {
  id: 'host',
  title: 'This machine has memory, CPU and disk left',
  inapplicable: () => '',
  async run({ environment }) {
    const { memory, load, disk } = await readHost(environment.root)
    const seen =
      `disk ${percent(disk.share)} of ${environment.root} used (${showSize(disk.freeBytes)} free), ` +
      `memory ${percent(memory.share)} of ${showSize(memory.totalBytes)}, load ${load.share.toFixed(2)} for each of ${load.cpus} CPUs`
    const over = crossed(environment, { memory: memory.share, load: load.share, disk: disk.share })
    if (over.length === 0) return pass(seen)
    const remedy = `Make room first: ${over.join(', ')}.`
    return environment.target.kind === 'process' ? fail(seen, remedy) : warn(seen, remedy)
  },
}

function crossed(
  { target, gate }: Environment,
  { memory, load, disk }: { memory: number; load: number; disk: number },
): string[] {
  const here = target.kind === 'process'
  return [
    ...(disk >= gate.disk ? [`disk over ${percent(gate.disk)}`] : []),
    ...(here && memory >= gate.memory ? [`memory over ${percent(gate.memory)}`] : []),
    ...(here && load >= busyLoad ? [`load over ${busyLoad} for each CPU`] : []),
  ]
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)}%`
}
