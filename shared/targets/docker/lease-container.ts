import { ToolError } from '../../outcome/errors.ts'
import type { Lease } from '../../release/lease.ts'
import { create, inspect } from './containers.ts'
import { label } from './fleet.ts'
import type { Context } from './store.ts'

/**
 * Creates the container of a lease, which is never started. Its name has the epoch in it.
 * @returns its id; undefined when somebody else was faster
 */
export async function createLease(context: Context, lease: Lease): Promise<string | undefined> {
  const { engine, environment, names } = context
  const body = {
    Image: await emptyImage(context),
    Cmd: ['never-started'],
    Labels: {
      [label.service]: environment.service,
      [label.environment]: environment.name,
      [label.role]: 'lease',
      [label.epoch]: String(lease.epoch),
      [label.holder]: JSON.stringify(lease.holder),
      [label.deadline]: String(lease.deadline),
    },
  }
  try {
    return await create(engine, names.lease(lease.epoch), body)
  } catch (error) {
    if (!(error instanceof ToolError && error.code === 409)) throw error
    const other = await inspect(engine, names.lease(lease.epoch))
    if (other && other.Config.Labels?.[label.role] !== 'lease') {
      throw new ToolError(`a container that is not ours is called ${names.lease(lease.epoch)}`, {
        tool: 'Docker engine',
        hint: `Rename it: runbook-actions needs that name.`,
        cause: error,
      })
    }
    return undefined
  }
}

const emptyImageName = 'runbook-lease:1'

/** An image of nothing, made on the engine itself: a lease has to be had before any image is pulled. */
async function emptyImage({ engine }: Context): Promise<string> {
  const { status } = await engine.call('GET', `/images/${emptyImageName}/json`)
  if (status === 200) return emptyImageName
  const [repo = '', tag = ''] = emptyImageName.split(':')
  await engine.json('POST', '/images/create', {
    query: { fromSrc: '-', repo, tag, message: 'Holds the ledger and the lease of runbook-actions' },
    archive: Buffer.alloc(1_024),
  })
  return emptyImageName
}
