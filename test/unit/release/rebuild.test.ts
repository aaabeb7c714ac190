import { describe, expect, test } from '@jest/globals'
import { unsettled, type ReleaseId } from '../../../shared/release/ledger.ts'
import { rebuildLedger, type Survivor } from '../../../shared/release/rebuild.ts'

const survivor = (id: ReleaseId, how: 'good' | 'never good'): Survivor => ({
  id,
  version: `v1.${id.slice(1)}.0`,
  image: 'api',
  wasGood: how === 'good',
  at: '2026-01-01T00:00:00Z',
})
const rebuilt = (live: string | null, ...survivors: Survivor[]) =>
  rebuildLedger('api', 'production', survivors, live)
const states = (ledger: ReturnType<typeof rebuilt>) =>
  ledger.entries.map(({ id, state }) => `${id} ${state}`).join(', ')

const three = [survivor('r10', 'good'), survivor('r2', 'never good'), survivor('r1', 'good')]

describe('a ledger that is rebuilt', () => {
  test('has the good release that is live serving, in the order of numbers', () => {
    const ledger = rebuilt('r10', ...three)
    expect(states(ledger)).toBe('r1 good, r2 bad, r10 good')
    expect(ledger.serving).toBe('r10')
  })

  test('takes what is newer than the good one that is live for taken back', () => {
    const ledger = rebuilt('r1', ...three)
    expect(states(ledger)).toBe('r1 good, r2 bad, r10 withdrawn')
    expect(ledger.serving).toBe('r1')
  })

  test('has the newest one unfinished when it is live and was never good', () => {
    const ledger = rebuilt('r11', ...three, survivor('r11', 'never good'))
    expect(unsettled(ledger)).toMatchObject({ id: 'r11', state: 'ready', previous: 'r10' })
    expect(ledger.serving).toBe('r10')
  })

  test('trusts the records when nothing says what is live', () => {
    expect(rebuilt(null, ...three).serving).toBe('r10')
    expect(rebuilt(null, survivor('r1', 'never good'))).toMatchObject({
      serving: null,
      entries: [{ state: 'bad' }],
    })
  })
})
