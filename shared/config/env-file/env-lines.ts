import { findValueFault } from './env-dialects.ts'

/** One assignment of an env-file, as it is written. */
export interface EnvLine {
  /** From 1. */
  line: number
  key: string
  /** All after the `=`, with its quotes and comment; of a quoted value that spans lines, all of them. */
  raw: string
}

/**
 * How much a finding about a line matters: `unread`, the line assigns nothing, so that what it says reaches no service;
 * `fault`, programs read it differently; `note`, only some do, or it is likely to be meant.
 */
export type Weight = 'unread' | 'fault' | 'note'

/** A line that programs read differently, or not at all. */
export interface LineFault {
  line: number
  /** What the line is about; empty when it assigns nothing. */
  key: string
  /** Without the value. */
  fault: string
  remedy: string
  weight: Weight
}

/** What the package dotenv, which reads env-files here, takes for an assignment; `KEY: value` among it. */
const readAsAssignment = /^\s*(?:export\s+)?[\w.-]+(?:\s*=|:\s)/
const assignment = /^\s*(?:export\s+)?([\w.-]+)(\s*)=(.*)$/s
const key = /^[A-Za-z_][A-Za-z0-9_]*$/
const quotes = ['"', "'", '`']

/**
 * Takes an env-file apart line by line. Programs that read such files (dotenv, Node, `docker run --env-file`, compose,
 * shells) agree on `KEY=value` alone: what they take differently is a finding.
 * @param text without its byte order mark
 */
export function scanEnvLines(text: string): { lines: EnvLine[]; faults: LineFault[] } {
  const { lines, faults } = takeApart(text)
  const keys = new Set(lines.map(each => each.key))
  for (const { line, key: name, raw } of lines) {
    const found = findValueFault(raw, keys)
    if (found) faults.push({ line, key: name, ...found })
  }
  return { lines, faults }
}

function takeApart(text: string): { lines: EnvLine[]; faults: LineFault[] } {
  const lines: EnvLine[] = []
  const faults: LineFault[] = []
  const all = text.split('\n')
  const windows = all.findIndex(each => each.endsWith('\r'))
  if (windows >= 0)
    faults.push({
      line: windows + 1,
      key: '',
      fault: 'ends like a line of Windows (CR LF), and a shell takes the CR for a part of the value',
      remedy: 'Convert the line ends: sed -i "s/\\r$//" FILE',
      weight: 'fault',
    })
  const rows = all.map(each => each.replace(/\r$/, ''))
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] ?? ''
    if (row.trim() === '' || row.trim().startsWith('#')) continue
    const line = index + 1
    const [matched, name = '', spaces = '', first = ''] = assignment.exec(row) ?? []
    if (matched === undefined || !key.test(name)) {
      faults.push({
        line,
        key: key.test(name) ? name : '',
        fault: 'is not KEY=value',
        remedy: 'Write KEY=value, with a KEY of letters, digits and _; begin comments with #.',
        weight: readAsAssignment.test(row) ? 'fault' : 'unread',
      })
      continue
    }
    if (name === '__proto__') {
      faults.push({
        line,
        key: '',
        fault: 'assigns __proto__, which is no name of a variable to programs in JavaScript',
        remedy: 'Give the variable another name.',
        weight: 'unread',
      })
      continue
    }
    if (/^\s*export\s/.test(row))
      faults.push({
        line,
        key: name,
        fault: 'begins with export, which Docker does not take',
        remedy: `Write ${name}=value, without export.`,
        weight: 'fault',
      })
    if (spaces !== '' || /^\s+\S/.test(first))
      faults.push({
        line,
        key: name,
        fault: 'has a space beside its =, which Docker and shells do not take',
        remedy: `Write ${name}=value without spaces.`,
        weight: 'fault',
      })
    const { raw, rest } = wholeValue(first.trim(), rows.slice(index + 1))
    lines.push({ line, key: name, raw })
    index += rest
  }
  return { lines, faults }
}

/** A quote may close on a later line, as a private key's does; but not beyond another assignment. */
function wholeValue(first: string, following: string[]): { raw: string; rest: number } {
  const quote = quotes.find(each => first.startsWith(each))
  if (quote === undefined || first.indexOf(quote, 1) > 0) return { raw: first, rest: 0 }
  const end = following.findIndex(each => each.includes(quote))
  const next = following.findIndex(each => /^\s*(?:export\s+)?[A-Za-z_]\w*=(?!=?$)/.test(each))
  if (end < 0 || (next >= 0 && next <= end)) return { raw: first, rest: 0 }
  return { raw: [first, ...following.slice(0, end + 1)].join('\n'), rest: end + 1 }
}
