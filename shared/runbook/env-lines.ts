/** One assignment of an env-file, as it is written. */
export interface EnvLine {
  /** From 1. */
  line: number
  key: string
  /** All after the `=`, with its quotes and comment; of a quoted value that spans lines, all of them. */
  raw: string
}

/** A line that programs read differently, or not at all. */
export interface LineFault {
  line: number
  /** What the line is about; empty when it assigns nothing. */
  key: string
  /** Without the value. */
  fault: string
  remedy: string
}

const assignment = /^\s*(?:export\s+)?([\w.-]+)(\s*)=(.*)$/s
const key = /^[A-Za-z_][A-Za-z0-9_]*$/
const quotes = ['"', "'", '`']

/**
 * Takes an env-file apart line by line. Programs that read such files (dotenv, `docker run --env-file`, shells) agree on
 * `KEY=value` alone: what they take differently is a fault.
 */
export function scanEnvLines(text: string): { lines: EnvLine[]; faults: LineFault[] } {
  const lines: EnvLine[] = []
  const faults: LineFault[] = []
  if (text.startsWith('\ufeff'))
    faults.push({
      line: 1,
      key: '',
      fault: 'begins with a byte order mark, which becomes a part of the first key',
      remedy: 'Save the file as UTF-8 without BOM.',
    })
  const all = text.replace(/^\ufeff/, '').split('\n')
  const windows = all.findIndex(each => each.endsWith('\r'))
  if (windows >= 0)
    faults.push({
      line: windows + 1,
      key: '',
      fault: 'ends like a line of Windows, and Docker takes that for a part of the value',
      remedy: 'Convert the line ends: sed -i "s/\\r$//" FILE',
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
      })
      continue
    }
    if (/^\s*export\s/.test(row))
      faults.push({
        line,
        key: name,
        fault: 'begins with export, which Docker does not take',
        remedy: `Write ${name}=value, without export.`,
      })
    if (spaces !== '' || /^\s+\S/.test(first))
      faults.push({
        line,
        key: name,
        fault: 'has a space beside its =, which Docker and shells do not take',
        remedy: `Write ${name}=value without spaces.`,
      })
    const { raw, rest } = wholeValue(first.trim(), rows.slice(index + 1))
    lines.push({ line, key: name, raw })
    const misquoted = quotingFault(raw)
    if (misquoted) faults.push({ line, key: name, ...misquoted })
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

function quotingFault(raw: string): Pick<LineFault, 'fault' | 'remedy'> | undefined {
  if (/^[\u2018-\u201f\u00ab\u00bb]|[\u2018-\u201f\u00ab\u00bb]$/.test(raw))
    return { fault: 'has typographic quotes, which are a part of the value', remedy: 'Use " or no quotes.' }
  const quote = quotes.find(each => raw.startsWith(each))
  if (quote === undefined) return unquotedFault(raw)
  const close = raw.lastIndexOf(quote)
  if (close === 0)
    return { fault: `begins with ${quote}, which is never closed`, remedy: `Add the closing ${quote}.` }
  const inside = raw.slice(1, close)
  const after = raw.slice(close + 1).trim()
  if (after !== '' && !after.startsWith('#'))
    return { fault: 'goes on after its closing quote', remedy: 'Put the whole value between the quotes.' }
  if (inside.replaceAll(`\\${quote}`, '').includes(quote))
    return {
      fault: `has a ${quote} between its quotes`,
      remedy: `Use another kind of quotes around the value.`,
    }
  return quote === "'" ? undefined : referenceFault(inside)
}

function unquotedFault(raw: string): Pick<LineFault, 'fault' | 'remedy'> | undefined {
  const hash = raw.indexOf('#')
  if (hash > 0 && !/\s/.test(raw[hash - 1] ?? ''))
    return {
      fault: 'is cut at its #: the rest is taken for a comment',
      remedy: 'Put the value between single quotes, or, in a URL, write # as %23.',
    }
  const value = hash < 0 ? raw : raw.slice(0, hash).trim()
  if (/["']$/.test(value))
    return { fault: 'ends with a quote that it does not begin with', remedy: 'Quote both ends, or neither.' }
  return referenceFault(value)
}

/** Nothing fills variables in: neither this suite, nor Docker, nor Kubernetes. */
function referenceFault(value: string): Pick<LineFault, 'fault' | 'remedy'> | undefined {
  const [reference] = /\$\{[A-Za-z_]\w*\}/.exec(value) ?? []
  if (reference === undefined) return undefined
  return { fault: `refers to ${reference}, which nothing fills in`, remedy: 'Write out the value.' }
}
