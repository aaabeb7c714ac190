import { expect, test } from '@jest/globals'
import { ports } from '../../../shared/checks/environment/ports.ts'
import { resolveChecks } from '../../../shared/config/checks.ts'
import { contextOf } from './context.ts'

type Said = NonNullable<Parameters<typeof resolveChecks>[1]['ports']>
const contextFor = (said: Said) => contextOf({ url: '', checks: resolveChecks(key => key, { ports: said }) })

test('a port of a name without an address is not taken for closed', async () => {
  const asked = ports.run(contextFor({ closed: ['db.invalid:5432', '127.0.0.1:1'] }))
  expect(await asked).toMatchObject({
    result: 'warn',
    finding: 'db.invalid:5432 has no address here, so that nothing is known of its port',
  })
})

test('lists without a port are no pass', () => {
  for (const said of [{}, { open: [], closed: [] }])
    expect(ports.inapplicable(contextFor(said).environment)).toBe('the lists of checks.ports are empty')
  expect(ports.inapplicable(contextFor({ closed: ['127.0.0.1:1'] }).environment)).toBe('')
})
