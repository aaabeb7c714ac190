/**
 * A text in another form, with the place in the text that each of its characters came from. Its characters are bytes: what
 * is not ASCII stands there as in UTF-8, because `%C3%A9`, `\303\251` and `é` are one text in three spellings.
 */
export interface View {
  text: string
  /** Where in the text the characters came from; undefined while each is still in its own place. */
  places: Places | undefined
}

interface Places {
  starts: Uint32Array
  ends: Uint32Array
}

/** Text that is encoded in JSON, in a URL, and again in JSON, as in the log of a proxy, is decoded by three passes. */
const mostPasses = 5

/** HTML's names of the characters that are escaped in practice. */
const named: Record<string, string> = {
  amp: '&',
  apos: "'",
  bsol: '\\',
  colon: ':',
  commat: '@',
  dollar: '$',
  equals: '=',
  excl: '!',
  gt: '>',
  lt: '<',
  nbsp: ' ',
  num: '#',
  percnt: '%',
  plus: '+',
  quest: '?',
  quot: '"',
  semi: ';',
  sol: '/',
}

/** What one letter after a backslash stands for in C, JSON and the shell; every other sign stands for itself. */
const letters: Record<string, string> = {
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  0: '\0',
}

const hex = String.raw`[\da-fA-F]`

/**
 * Every way of writing a character that programs print: percent and HTML escapes, those of JSON, JavaScript, C, Python and
 * the shell; and what is not seen between two characters: colours, soft hyphens, zero-width spaces and joiners (as UTF-8).
 */
const families = {
  percent: `%(?<percent>${hex}{2})`,
  backslash: [
    String.raw`\\u(?<high>[dD][89abAB]${hex}{2})\\u(?<low>[dD][c-fC-F]${hex}{2})`,
    String.raw`\\u(?<unit>${hex}{4})`,
    String.raw`\\u\{(?<point>${hex}{1,6})\}`,
    String.raw`\\U(?<long>${hex}{8})`,
    String.raw`\\x(?<byte>${hex}{2})`,
    String.raw`\\(?<octal>[0-3][0-7]{2})`,
    String.raw`\\(?<sign>[abefnrtv0"'\\/$&|;<>(){}*?!#~=%^,:@+_. [\]\x60-])`,
  ].join('|'),
  entity: [
    `&#[xX](?<hexadecimal>${hex}{1,6});?`,
    String.raw`&#(?<decimal>\d{1,7});?`,
    `&(?<name>${Object.keys(named).join('|')});`,
  ].join('|'),
  unseen: String.raw`(?<unseen>\x1b\[[\d;:]{0,40}m|\xc2\xad|\xe2\x80[\x8b-\x8d]|\xe2\x81\xa0|\xef\xbb\xbf)`,
}
const escapes = new RegExp(Object.values(families).join('|'), 'g')
/** Each of them alone: the `\` at the end of a secret is no part of an escape in a text that is encoded for HTML. */
const alone = Object.values(families).map(family => new RegExp(family, 'g'))

/**
 * A text in the forms that it decodes to: itself, as bytes; what each way of writing makes of it alone, where it holds more
 * than one; and what all of them make of it, pass by pass, to the one in which nothing is left to decode. Linear in the
 * length of the text.
 */
export function viewsOf(text: string): View[] {
  const bytes = bytesOfText(text)
  if (bytes.text.search(escapes) < 0) return [bytes]
  // All of what follows is made of it: where each character stands is written down once.
  const written: View = { ...bytes, places: bytes.places ?? inPlace(bytes.text.length) }
  const each = alone.map(family => decode(written, family)).filter(view => view !== undefined)
  const views = [written, ...(each.length > 1 ? each : [])]
  let last = written
  for (let pass = 0; pass < mostPasses; pass++) {
    const next = decode(last, escapes)
    if (!next) break
    views.push(next)
    last = next
  }
  return views
}

/** The last form of a text, without places. */
export function decodedOf(text: string): string {
  return viewsOf(text).at(-1)?.text ?? text
}

/**
 * A view in which every stretch of blanks, and a `+`, is one blank: as forms are encoded, and as lines are joined.
 * @returns undefined when it is the view itself
 */
export function foldBlanks(view: View): View | undefined {
  return /\s\s|[^\S ]|\+/.test(view.text) ? replaced(view, /\s+|\+/g, () => ' ') : undefined
}

/**
 * A view without line breaks and the blanks around them: base64 is written in lines.
 * @returns undefined when it has only one
 */
export function joinLines(view: View): View | undefined {
  return view.text.includes('\n') ? replaced(view, /\s+/g, () => '') : undefined
}

/**
 * A view in small letters, without what stands between two digits of a dump: `DE:AD:BE:EF`, `0xde, 0xad`.
 * @returns undefined when it has no dump
 */
export function joinHexDigits(view: View): View | undefined {
  if (!/[\da-f]{2}[\s:,-]{1,2}(?:0x)?[\da-f]{2}/i.test(view.text)) return undefined
  const joined = replaced(view, /0x|[\s:,-]+/gi, () => '')
  return { ...joined, text: joined.text.toLowerCase() }
}

/** Where in the text the part of a view stands. */
export function placeIn({ places }: View, start: number, end: number): { start: number; end: number } {
  if (!places) return { start, end }
  return { start: places.starts[start] ?? 0, end: places.ends[end - 1] ?? 0 }
}

function bytesOfText(text: string): View {
  const view = { text, places: undefined }
  return /[^\x00-\x7f]/.test(text) ? replaced(view, /[^\x00-\x7f]/gu, utf8) : view
}

function decode(view: View, pattern: RegExp): View | undefined {
  if (view.text.search(pattern) < 0) return undefined
  const next = replaced(view, pattern, bytesOf)
  return next.text === view.text ? undefined : next
}

/** What an escape stands for, as bytes. */
function bytesOf(match: string, groups: Partial<Record<string, string>>): string {
  const { percent, high, low, unit, point, long, byte, octal, sign, hexadecimal, decimal, name, unseen } =
    groups
  if (unseen !== undefined) return ''
  const bare = percent ?? byte
  if (bare !== undefined) return String.fromCharCode(parseInt(bare, 16))
  if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8))
  if (sign !== undefined) return letters[sign] ?? sign
  if (name !== undefined) return named[name] ?? match
  if (high !== undefined && low !== undefined)
    return utf8(String.fromCharCode(parseInt(high, 16), parseInt(low, 16)))
  const code =
    decimal === undefined ? parseInt(unit ?? point ?? long ?? hexadecimal ?? '', 16) : Number(decimal)
  return code <= 0x10ffff ? utf8(String.fromCodePoint(code)) : match
}

function utf8(text: string): string {
  return Buffer.from(text).toString('latin1')
}

/** A stretch of a view that is made: where what it was made of stands in the text. */
type Stretch =
  { kind: 'kept'; begin: number; end: number } | { kind: 'put'; length: number; start: number; end: number }

/** The view with each match replaced; what replaces one came from the whole of its place. */
function replaced(
  view: View,
  pattern: RegExp,
  by: (match: string, groups: Partial<Record<string, string>>) => string,
): View {
  const { text } = view
  const parts: string[] = []
  const stretches: Stretch[] = []
  let kept = 0
  const keepTo = (end: number) => {
    parts.push(text.slice(kept, end))
    stretches.push({ kind: 'kept', begin: kept, end })
  }
  for (const match of text.matchAll(pattern)) {
    const [whole] = match
    keepTo(match.index)
    kept = match.index + whole.length
    const put = by(whole, match.groups ?? {})
    parts.push(put)
    stretches.push({ kind: 'put', length: put.length, ...placeIn(view, match.index, kept) })
  }
  keepTo(text.length)
  const made = parts.join('')
  return { text: made, places: placesOf(stretches, made.length, view.places ?? inPlace(text.length)) }
}

function placesOf(stretches: Stretch[], length: number, before: Places): Places {
  const [starts, ends] = [new Uint32Array(length), new Uint32Array(length)]
  let at = 0
  for (const stretch of stretches)
    if (stretch.kind === 'put') {
      starts.fill(stretch.start, at, at + stretch.length)
      ends.fill(stretch.end, at, at + stretch.length)
      at += stretch.length
    } else {
      const { begin, end } = stretch
      starts.set(before.starts.subarray(begin, end), at)
      ends.set(before.ends.subarray(begin, end), at)
      at += end - begin
    }
  return { starts, ends }
}

/** Each character stands where it is. */
function inPlace(length: number): Places {
  return {
    starts: Uint32Array.from({ length }, (_, at) => at),
    ends: Uint32Array.from({ length }, (_, at) => at + 1),
  }
}
