/**
 * What programs make of a value in an env-file, tried with dotenv 18.0.10 (which reads it here), Node 24 (`--env-file`),
 * dash (`. FILE`), Docker 20.10 (`--env-file`, which takes all after the `=` as it is, quotes too) and compose-go 2.16.2.
 * Only lines on which the readers differ without an error are findings:
 *
 * | value           | dotenv    | Node      | compose     | shell          |
 * | --------------- | --------- | --------- | ----------- | -------------- |
 * | `"a\"b"`        | `a\"b`    | `a\`      | `a"b`       | `a"b`          |
 * | `"a\\b"`        | `a\\b`    | `a\\b`    | `a\b`       | `a\b`          |
 * | `"a\$b"`        | `a\$b`    | `a\$b`    | `a$b`       | `a$b`          |
 * | `` "a\`b" ``    | ``a\`b``  | ``a\`b``  | ``a\`b``    | `` a`b ``      |
 * | `"a\nb"`        | two lines | two lines | two lines   | `a\nb`         |
 * | `"a\rb"`        | CR        | `a\rb`    | CR          | `a\rb`         |
 * | `"a\tb"`        | `a\tb`    | `a\tb`    | tab         | `a\tb`         |
 * | `"a\"`          | `a\`      | `a\`      | error       | error          |
 * | `'a\'b'`        | `a\'b`    | `a\`      | `a'b`       | error          |
 * | `a\b`           | `a\b`     | `a\b`     | `a\b`       | `ab`           |
 * | `a\`            | `a\`      | `a\`      | `a\`        | joins the next |
 * | `$KEY`, `${KEY}`| as it is  | as it is  | filled in   | filled in      |
 * | `${X:-d}`       | as it is  | as it is  | `d`         | `d`            |
 * | `$$`            | `$$`      | `$$`      | `$`         | process number |
 * | `$(cmd)`        | as it is  | as it is  | as it is    | runs it        |
 * | `` `cmd` ``     | `cmd`     | `cmd`     | as it is    | runs it        |
 * | `a#b`           | `a`       | `a`       | `a#b`       | `a#b`          |
 * | `a"b"c`         | as it is  | as it is  | as it is    | `abc`          |
 *
 * Between single quotes all but Docker read every character alike.
 */
export interface ValueFault {
  fault: string
  remedy: string
  weight: 'fault' | 'note'
}

const quotes = ['"', "'", '`']

/**
 * The first thing in a value that programs read differently; undefined when they agree.
 * @param raw all after the `=`, with quotes and comment
 * @param keys of the whole file: `$NAME` is a reference where NAME is one of them, and part of a hash or password elsewhere
 */
export function findValueFault(raw: string, keys: ReadonlySet<string>): ValueFault | undefined {
  if (/^[\u2018-\u201f\u00ab\u00bb]|[\u2018-\u201f\u00ab\u00bb]$/.test(raw))
    return fault('has typographic quotes, which are a part of the value', 'Use " or no quotes.')
  const quote = quotes.find(each => raw.startsWith(each))
  return quote === undefined ? unquoted(raw, keys) : quoted(raw, quote, keys)
}

function quoted(raw: string, quote: string, keys: ReadonlySet<string>): ValueFault | undefined {
  const close = raw.lastIndexOf(quote)
  if (close === 0) return fault(`begins with ${quote}, which is never closed`, `Add the closing ${quote}.`)
  const inside = raw.slice(1, close)
  const after = raw.slice(close + 1).trim()
  if (after !== '' && !after.startsWith('#'))
    return fault('goes on after its closing quote', 'Put the whole value between the quotes.')
  if (inside.replaceAll(`\\${quote}`, '').includes(quote))
    return fault(`has a ${quote} between its quotes`, 'Use another kind of quotes around the value.')
  if (quote === '`')
    return fault(
      'is between backticks, which dotenv and Node take for quotes, and a shell for a command to run',
      asItIs(inside),
    )
  if (quote === "'") return singleQuoted(inside)
  return backslashFault(inside) ?? referenceFault(inside, keys)
}

function singleQuoted(inside: string): ValueFault | undefined {
  if (inside.includes("\\'"))
    return fault(
      "has \\' between single quotes: dotenv keeps the backslash, Node cuts the value there, and a shell ends the quotes",
      inBase64,
    )
  if (inside.endsWith('\\'))
    return note(
      'ends with a backslash before its closing quote, which compose takes for a quote that does not close',
      'Leave it if compose does not read the file.',
    )
  return undefined
}

/** Backslashes between double quotes. */
function backslashFault(inside: string): ValueFault | undefined {
  if (inside.endsWith('\\'))
    return fault(
      'ends with a backslash before its closing quote, which a shell and compose take for a quote that does not close',
      asItIs(inside),
    )
  const escapes = new Set(inside.match(/\\[\s\S]/g) ?? [])
  for (const [escape, difference] of differences)
    if (escapes.has(escape))
      return fault(`has ${escape} between double quotes: ${difference}`, asItIs(inside))
  if (escapes.has('\\n') && !inside.includes('-----BEGIN ')) {
    const text =
      'has \\n between double quotes, which dotenv, Node and compose make a line break, and a shell does not'
    if (/^[A-Za-z]:\\|^\\\\/.test(inside)) return fault(text, asItIs(inside))
    return note(text, 'Leave it if a line break is meant; put single quotes around the value if not.')
  }
  const control = ['\\a', '\\b', '\\f', '\\t', '\\v'].find(each => escapes.has(each))
  if (control !== undefined)
    return note(
      `has ${control} between double quotes, which compose makes a control character, and others leave as it is`,
      'Put single quotes around the value.',
    )
  return undefined
}

/** Escapes between double quotes that are never read alike. */
const differences: [escape: string, difference: string][] = [
  ['\\"', 'dotenv keeps the backslash, a shell and compose take it away, and Node cuts the value there'],
  ['\\r', 'dotenv and compose make it a carriage return, Node and a shell leave it as it is'],
  ['\\\\', 'dotenv and Node keep both backslashes, a shell and compose make them one'],
  ['\\$', 'dotenv and Node keep the backslash, a shell and compose take it away'],
  ['\\`', 'dotenv, Node and compose keep the backslash, a shell takes it away'],
]

function unquoted(raw: string, keys: ReadonlySet<string>): ValueFault | undefined {
  const hash = raw.indexOf('#')
  if (hash > 0 && !/\s/.test(raw[hash - 1] ?? ''))
    return fault(
      'is cut at its #: the rest is taken for a comment',
      'Put the value between single quotes, or, in a URL, write # as %23.',
    )
  const value = hash < 0 ? raw : raw.slice(0, hash).trim()
  if (value.endsWith('\\'))
    return fault('ends with a backslash, with which a shell joins the next line to it', asItIs(value))
  if (value.includes('\\'))
    return fault('has a backslash without quotes around it, which a shell takes away', asItIs(value))
  const reference = referenceFault(value, keys)
  if (reference) return reference
  if (/["']$/.test(value) && !/^[[{]/.test(value))
    return fault('ends with a quote that it does not begin with', 'Quote both ends, or neither.')
  if (/["']/.test(value))
    return note(
      'has quotes inside, which a shell takes away',
      `${asItIs(value)} Leave it if no shell reads the file.`,
    )
  return undefined
}

/**
 * Nothing fills variables in: neither this suite, nor Docker, nor Kubernetes. Names are written without their dollar: a
 * value that is a reference and nothing else is kept out of every text.
 */
function referenceFault(value: string, keys: ReadonlySet<string>): ValueFault | undefined {
  const [, named, operator] = /\$\{([A-Za-z_]\w*)(\}|:?[-?+=])/.exec(value) ?? []
  if (named !== undefined)
    return fault(
      operator === '}'
        ? `refers to ${named}, which nothing fills in here`
        : `refers to ${named} with what to take otherwise (\${...${operator ?? ''}...}), which nothing fills in here`,
      writeOut,
    )
  if (value.includes('$('))
    return fault('has $(...), a command that a shell runs and nothing runs here', writeOut)
  if (/`[^`]*`/.test(value))
    return fault('has a command between backticks, which a shell runs and nothing runs here', writeOut)
  if (value.includes('$$'))
    return fault(
      'has $$, which compose makes one $ and a shell a process number, and which stays $$ here',
      `Write one $ if one is meant. ${asItIs(value)}`,
    )
  const other = [...value.matchAll(/\$([A-Za-z_]\w*)/g)]
    .map(([, name = '']) => name)
    .find(name => keys.has(name))
  return other === undefined
    ? undefined
    : fault(`refers to ${other}, another key of the file, which nothing fills in here`, writeOut)
}

const writeOut = 'Write out the value; put single quotes around it if these very characters are meant.'
const inBase64 = 'Store it in base64, and let the service decode it.'

/** How a value is written so that dotenv, Node, compose and a shell read every character alike. */
function asItIs(value: string): string {
  return value.replaceAll("\\'", '').includes("'")
    ? inBase64
    : 'Put single quotes around the whole value, with each character as it is meant, or store it in base64.'
}

function fault(text: string, remedy: string): ValueFault {
  return { fault: text, remedy, weight: 'fault' }
}

function note(text: string, remedy: string): ValueFault {
  return { fault: text, remedy, weight: 'note' }
}
