import { baseImage } from './base-image.ts'
import { docker } from './docker.ts'
import { controlPlane } from './kubernetes/control-plane.ts'
import { node } from './kubernetes/node.ts'
import { network } from './network.ts'
import type { Part } from './part.ts'
import { postgres } from './postgres.ts'
import { redis } from './redis.ts'
import { registry } from './registry.ts'
import { s3 } from './s3.ts'

/** The lab, in an order in which each part comes after those that it needs. */
export const parts: Part[] = [network, postgres, redis, registry, docker, baseImage, s3, controlPlane, node]
