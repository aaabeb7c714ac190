import {
  advance,
  closeGood,
  emptyLedger,
  intend,
  type Intent,
  type Ledger,
} from '../../../shared/release/ledger.ts'

/** When everything happens. */
export const at = '2026-01-01T00:00:00.000Z'

/** What a run writes down of a version that it is about to release. */
export function intent(version: string, said: Partial<Intent> = {}): Intent {
  return { version, image: 'api', by: 'ada', run: '1', runUrl: '', intendedAt: at, ...said }
}

/** The ledger once that version is good. */
export function released(ledger: Ledger, version: string, said: Partial<Intent> = {}): Ledger {
  const { ledger: open, id } = intend(ledger, intent(version, said))
  return closeGood(advance(advance(open, id, 'applied'), id, 'ready'), id, at)
}

/** Three good releases: `r1` to `r3`, which serves. */
export const three = ['v1.0.0', 'v1.1.0', 'v1.2.0'].reduce(
  (ledger, version) => released(ledger, version),
  emptyLedger('api', 'production'),
)
