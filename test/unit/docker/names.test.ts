import { expect, test } from '@jest/globals'
import { ToolError } from '../../../shared/outcome/errors.ts'
import { takeName } from '../../../shared/targets/docker/apply/names.ts'
import type { Fleet } from '../../../shared/targets/docker/apply/fleet.ts'
import type { Context } from '../../../shared/targets/docker/engine/context.ts'

/** An engine without a container of the name, which refuses this many renames with these words. */
function refusing(times: number, words: string) {
  const asked: string[] = []
  const engine = {
    call: () => Promise.resolve({ status: 404, body: Buffer.from('{}') }),
    json(method: string, path: string) {
      asked.push(`${method} ${path}`)
      if (asked.length > times) return Promise.resolve()
      const message = `Docker refused ${method} ${path}: ${words}`
      return Promise.reject(new ToolError(message, { tool: 'Docker engine', code: 404, hint: '' }))
    },
  }
  const adapters = { clock: { sleep: () => Promise.resolve() }, signal: new AbortController().signal }
  const context = { engine, adapters, names: { serving: 'api' } } as unknown as Context
  const fleet = { services: [] } as unknown as Fleet
  return { asked, take: () => takeName(context, fleet, 'new', () => Promise.resolve(fleet)) }
}

// As an engine answered when a container was ended for its memory in the moment of its rename.
const ending = 'sandbox 063bf1a6bb9d00340b1ba11129b9c3e4 not found'

test('a container that ends while it is renamed is renamed once it has ended', async () => {
  const { asked, take } = refusing(2, ending)
  await take()
  expect(asked).toEqual(Array(3).fill('POST /containers/new/rename'))
})

test.each([
  ['is never known to have ended', Infinity, ending, 20],
  ['is not there', 1, 'No such container: new', 1],
])('a container that %s is an error', async (_what, times, words, tries) => {
  const { asked, take } = refusing(times, words)
  await expect(take()).rejects.toThrow(words)
  expect(asked).toHaveLength(tries)
})
