'use strict'
// The files that take longest begin first, so that none is alone at the end. Jest knows that of files that it has run before;
// of a fresh clone it knows their sizes alone, by which the longest of all comes near the end.
const { createRequire } = require('node:module')
const core = createRequire(require.resolve('jest')).resolve('@jest/core')
const { default: Sequencer } = createRequire(core)('@jest/test-sequencer')

/** The longest of a whole run, and parts of their paths, in the order of their durations. */
const longest = [
  'e2e/kill/kill.',
  'e2e/pipeline/',
  'e2e/kill/watched.',
  'e2e/services/',
  'e2e/kill/together.',
  'e2e/backup/s3-faults.',
  'e2e/rollback/untold.',
  'e2e/docker/volumes.',
  'e2e/newcomer/',
  'e2e/backup/partitions.',
  'e2e/docker/reboot.',
  'e2e/rollback/with-database.',
]
/** Waits for a program that is built meanwhile. */
const last = 'e2e/checks/vulnerabilities.'

function rank({ path }) {
  if (path.includes(last)) return longest.length + 1
  const at = longest.findIndex(part => path.includes(part))
  return at === -1 ? longest.length : at
}

module.exports = class extends Sequencer {
  sort(tests) {
    return super.sort(tests).toSorted((a, b) => rank(a) - rank(b))
  }
}
