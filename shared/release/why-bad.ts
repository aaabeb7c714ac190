import type { Entry } from './ledger.ts'

/** Why a release that is taken back before it was good is bad, as far as its entry says; for its `because`. */
export function whyBad({ state, gate, smoke }: Pick<Entry, 'state' | 'gate' | 'smoke'>): string {
  if (state === 'intended' || state === 'applied') return 'it never became ready'
  if (gate === 'fail') return 'its gate failed'
  if (gate === 'inconclusive') return 'its gate could not decide'
  if (smoke === 'fail') return 'its smoke test failed'
  const passed = [gate && 'gate', smoke && 'smoke test'].filter(Boolean).join(' and ')
  return passed === '' ? 'its job did not succeed' : `its job did not succeed, although its ${passed} passed`
}
