import { InputError } from '../shared/outcome/errors.ts'

/** What things are called elsewhere: actions, workflows, other tools. */
const elsewhere = new Map(
  Object.entries({
    'health-gate': 'health-check',
    'health-watch': 'health-check',
    check: 'pre-deploy',
    checks: 'pre-deploy',
    backup: 'backup-db',
    'backup:db': 'backup-db',
    restore: 'restore-db',
    smoke: 'smoke-test',
    release: 'promote',
    undo: 'rollback',
    recover: 'settle',
    lock: 'hold',
    log: 'logs',
    ps: 'status',
  }),
)

/** A word that is no command: the error that names the one that was probably meant. */
export function unknownCommand(word: string, names: string[]): InputError {
  const meant = elsewhere.get(word) ?? nearest(word, names)
  const hint = meant ? `Did you mean: runbook ${meant}? All of them: runbook help` : 'See: runbook help'
  return InputError.of('command', word, names.join(', '), hint)
}

/** The name that is the fewest slips of the finger away, and at most a third of its length. */
function nearest(word: string, names: string[]): string | undefined {
  const near = names
    .map(name => ({ name, slips: distance(word, name) }))
    .filter(({ name, slips }) => slips <= Math.max(1, Math.floor(name.length / 3)))
  return near.sort((a, b) => a.slips - b.slips)[0]?.name
}

/**
 * Letters to insert, leave out, change, or swap with their neighbour: the optimal string alignment distance (Boytsov,
 * Indexing methods for approximate dictionary searching, 2011, section 2.1).
 */
function distance(from: string, to: string): number {
  const rows = [Array.from({ length: to.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number) => rows[row]?.[column] ?? Infinity
  for (let row = 1; row <= from.length; row++) {
    rows.push([row])
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      rows[row]?.push(
        Math.min(
          at(row - 1, column) + 1,
          at(row, column - 1) + 1,
          at(row - 1, column - 1) + (same ? 0 : 1),
          swapped ? at(row - 2, column - 2) + 1 : Infinity,
        ),
      )
    }
  }
  return at(from.length, to.length)
}
