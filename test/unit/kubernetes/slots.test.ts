import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  adopt,
  advance,
  beginRestore,
  closeGood,
  emptyLedger,
  endRestore,
  intend,
  retire,
  unsettled,
  type Ledger,
} from '../../../shared/release/ledger.ts'
import { assign, reconcile, slotCount, type Slots } from '../../../shared/targets/kubernetes/rollout/slots.ts'

const at = '2026-01-01T00:00:00.000Z'
const intent = { version: 'v1.0.0', image: 'i', by: '', run: '', runUrl: '', intendedAt: at }

describe('record slots', () => {
  test('whatever is released, the way back and the unsettled release have their own, and no two share one', () => {
    const life = fc.array(
      fc.record({ ends: fc.constantFrom('good', 'bad'), parts: fc.integer({ min: 1, max: 3 }) }),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(life, fc.boolean(), (releases, adopted) => {
        let ledger: Ledger = emptyLedger('s', 'e')
        let slots: Slots = {}
        const write = (next: Ledger) => {
          ledger = next
          slots = reconcile(slots, ledger)
          const used = Object.values(slots as Record<string, number[]>).flat()
          expect(new Set(used).size).toBe(used.length)
          expect(used.every(slot => slot >= 0 && slot < slotCount)).toBe(true)
          const open = unsettled(ledger)
          if (open) expect(slots[open.id]?.length).toBeGreaterThan(0)
        }
        if (adopted) {
          write(adopt(ledger, intent))
          slots = assign(slots, ledger, 'r0', 1)
        }
        for (const { ends, parts } of releases) {
          const written = intend(ledger, intent)
          write(written.ledger)
          slots = assign(slots, ledger, written.id, parts)
          expect(slots[written.id]).toHaveLength(parts)
          if (ledger.serving) expect(slots[ledger.serving]?.length).toBeGreaterThan(0)
          if (ends === 'good') {
            write(advance(advance(ledger, written.id, 'applied'), written.id, 'ready'))
            write(retire(closeGood(ledger, written.id, at), 10).ledger)
          } else if (ledger.serving) {
            write(endRestore(beginRestore(ledger, ledger.serving, at, 'x')))
          } else return
        }
      }),
    )
  })

  test('a release that takes more than there is says so', () => {
    const { ledger, id } = intend(emptyLedger('s', 'e'), intent)
    expect(() => assign({}, ledger, id, 25)).toThrow(/takes 25 Secrets of 24/)
  })
})
