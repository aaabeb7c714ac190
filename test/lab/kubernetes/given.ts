import { resolve } from 'node:path'
import { findKubectl } from '../kubectl.ts'
import type { Part } from '../part.ts'
import { LabError } from '../lab-error.ts'

/** A cluster that the user lends. It is asked whether it answers, and nothing in it is touched by `up` or `down`. */
export const givenCluster = (kubeconfig: string): Part => ({
  name: 'cluster',
  after: [],
  packages: () => [],
  async up(shop) {
    const file = resolve(kubeconfig)
    const kubectl = await findKubectl(shop)
    try {
      await shop.run(kubectl, ['--kubeconfig', file, '--request-timeout=10s', 'get', '--raw=/readyz'])
    } catch (cause) {
      throw new LabError(
        `the cluster that RUNBOOK_LAB_KUBECONFIG names (${file}) does not answer`,
        'fix that file or start its cluster; or unset RUNBOOK_LAB_KUBECONFIG, and the lab makes a cluster of its own',
        { cause },
      )
    }
    return { kubeconfig: file }
  },
})
