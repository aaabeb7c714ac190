import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { setTimeout as pause } from 'node:timers/promises'
import type { Room } from './cluster.ts'
import { openRegistryFront } from './registry-front.ts'
import type { SlowStart } from './slow-starts.ts'

/** What slow starts need around them in a namespace. */
export interface StartStage {
  /** The image to deploy: from a registry that is in trouble at first, where the start says so. */
  image(start: SlowStart): string
  /** Brings what comes late, when the Deployment is there. */
  bringLate(start: SlowStart): Promise<void>
  close(): Promise<void>
}

const execute = promisify(execFile)

export async function openStartStage({ lab, namespace, image }: Room): Promise<StartStage> {
  const front = await openRegistryFront(lab.registry)
  const labels: string[] = []
  const kubectl = async (args: string[], input = ''): Promise<void> => {
    const running = execute(lab.kubectl, ['--kubeconfig', lab.kubeconfig, '-n', namespace, ...args])
    running.child.stdin?.end(input)
    await running
  }
  return {
    image: ({ name, registry }) => (registry ? front.troubled(image, name, registry) : image),
    async bringLate({ name, late }) {
      if (!late) return
      await kubectl(['wait', '--for=create', `deployment/${name}`, '--timeout=60s'])
      await pause(late.afterMs)
      if ('objects' in late.brings) return kubectl(['apply', '-f', '-'], late.brings.objects)
      labels.push(late.brings.nodeLabel)
      await kubectl(['label', 'nodes', '--all', late.brings.nodeLabel])
    },
    async close() {
      for (const label of labels) await kubectl(['label', 'nodes', '--all', label.replace(/=.*/, '-')])
      await front.close()
    },
  }
}
