import { baseImage } from './base-image.ts'
import { docker } from './docker.ts'
import { controlPlane } from './kubernetes/control-plane.ts'
import { givenCluster } from './kubernetes/given.ts'
import { metrics } from './kubernetes/metrics.ts'
import { node } from './kubernetes/node.ts'
import { network } from './network.ts'
import type { Part } from './part.ts'
import { postgres } from './postgres.ts'
import { prometheus } from './prometheus.ts'
import { redis } from './redis.ts'
import { registry } from './registry.ts'
import { workflowRunner } from './runner.ts'
import { s3 } from './s3.ts'

/**
 * The lab, in an order in which each part comes after those that it needs. A cluster is the user's only when
 * `kubeconfig` (RUNBOOK_LAB_KUBECONFIG) names it: the current context may be production.
 */
export function partsWith(kubeconfig: string | undefined): Part[] {
  const cluster = kubeconfig ? [givenCluster(kubeconfig)] : [controlPlane, node, metrics]
  return [network, postgres, redis, prometheus, registry, docker, baseImage, s3, workflowRunner, ...cluster]
}
