import { ToolError } from '../../../outcome/errors.ts'
import { unsettled, wayBack, type Ledger, type ReleaseId } from '../../../release/ledger.ts'

/**
 * Which record Secrets hold which release, in the order of their parts. Kept with the ledger, so that one write changes
 * both. The number of slots is fixed, so that a Role can name them (docs/decisions/0004).
 */
export type Slots = Partial<Record<ReleaseId, number[]>>

export const slotCount = 24

/**
 * The slots after a ledger was written: releases that it forgot lose theirs, releases that are new get one. When none is
 * free, the oldest release that is no way back gives its record up.
 */
export function reconcile(slots: Slots, ledger: Ledger): Slots {
  const kept: Slots = {}
  for (const { id } of ledger.entries) if (slots[id]) kept[id] = slots[id]
  const open = unsettled(ledger)
  return open && !kept[open.id] ? assign(kept, ledger, open.id, 1) : kept
}

/** Gives a release exactly `count` slots, keeping those that it has. */
export function assign(slots: Slots, ledger: Ledger, id: ReleaseId, count: number): Slots {
  const own = (slots[id] ?? []).slice(0, count)
  const rest = { ...slots, [id]: own }
  const free = freeSlots(rest)
  if (own.length + free.length >= count) {
    return { ...rest, [id]: [...own, ...free.slice(0, count - own.length)] }
  }
  const victim = expendable(rest, ledger, id)
  if (!victim) {
    throw new ToolError(
      `The record of ${id} takes ${count} Secrets of 24, and the good releases need the others`,
      {
        tool: 'release records',
        hint: 'Make the manifests smaller: files of many megabytes belong into a volume, not into a ConfigMap.',
      },
    )
  }
  const { [victim]: _given, ...others }: Slots = rest
  return assign(others, ledger, id, count)
}

function freeSlots(slots: Slots): number[] {
  const used = new Set(Object.values(slots).flat())
  return Array.from({ length: slotCount }, (_, slot) => slot).filter(slot => !used.has(slot))
}

function expendable(slots: Slots, ledger: Ledger, asking: ReleaseId): ReleaseId | undefined {
  const open = unsettled(ledger)?.id
  const needed = [asking, open, ledger.serving, ledger.restoring?.from, wayBack(ledger)?.id]
  const mayGo = ledger.entries.filter(({ id }) => slots[id] && !needed.includes(id))
  return (mayGo.find(({ state }) => state === 'bad' || state === 'withdrawn') ?? mayGo[0])?.id
}
