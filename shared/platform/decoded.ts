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
const escapes = new RegExp(
  [
    `%(${hex}{2})`,
    String.raw`\\u([dD][89abAB]${hex}{2})\\u([dD][c-fC-F]${hex}{2})`,
    String.raw`\\u(${hex}{4})`,
    String.raw`\\u\{(${hex}{1,6})\}`,
    String.raw`\\U(${hex}{8})`,
    String.raw`\\x(${hex}{2})`,
    String.raw`\\([0-3][0-7]{2})`,
    String.raw`\\([abefnrtv0"'\\/$&|;<>(){}*?!#~=%^,:@+_. [\]\x60-])`,
    `&#[xX](${hex}{1,6});?`,
    String.raw`&#(\d{1,7});?`,
    `&(${Object.keys(named).join('|')});`,
    String.raw`(\x1b\[[\d;:]{0,40}m|\xc2\xad|\xe2\x80[\x8b-\x8d]|\xe2\x81\xa0|\xef\xbb\xbf)`,
  ].join('|'),
  'g',
)

/**
 * A text in the forms that it decodes to: from itself, as bytes, to the one in which nothing is left to decode.
 * Linear in the length of the text.
 */
export function viewsOf(text: string): View[] {
  const views = [bytesOfText(text)]
  for (let pass = 0; pass < mostPasses; pass++) {
    const before = views.at(-1)
    const next = before && decode(before)
    if (!next) break
    views.push(next)
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

function decode(view: View): View | undefined {
  let changed = false
  const next = replaced(view, escapes, (match, groups) => {
    const bytes = bytesOf(match, groups)
    if (bytes !== match) changed = true
    return bytes
  })
  return changed ? next : undefined
}

/** What an escape stands for, as bytes; the order of the groups is that of `escapes`. */
function bytesOf(match: string, groups: (string | undefined)[]): string {
  const [percent, high, low, unit, point, long, byte, octal, sign, hexadecimal, decimal, name, unseen] = groups
  if (unseen !== undefined) return ''
  const bare = percent ?? byte
  if (bare !== undefined) return String.fromCharCode(parseInt(bare, 16))
  if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8))
  if (sign !== undefined) return letters[sign] ?? sign
  if (name !== undefined) return named[name] ?? match
  if (high !== undefined && low !== undefined)
    return utf8(String.fromCharCode(parseInt(high, 16), parseInt(low, 16)))
  const code = decimal === undefined ? parseInt(unit ?? point ?? long ?? hexadecimal ?? '', 16) : Number(decimal)
  return code <= 0x10ffff ? utf8(String.fromCodePoint(code)) : match
}

function utf8(text: string): string {
  return Buffer.from(text).toString('latin1')
}

/** The view with each match replaced; what replaces one came from the whole of its place. */
function replaced(
  view: View,
  pattern: RegExp,
  by: (match: string, groups: (string | undefined)[]) => string,
): View {
  const { text, places } = view
  const parts: string[] = []
  const from: number[] = []
  const to: number[] = []
  const keep = (begin: number, end: number) => {
    parts.push(text.slice(begin, end))
    for (let at = begin; at < end; at++) {
      from.push(places?.starts[at] ?? at)
      to.push(places?.ends[at] ?? at + 1)
    }
  }
  let kept = 0
  for (const match of text.matchAll(pattern)) {
    const [whole, ...groups] = match
    keep(kept, match.index)
    kept = match.index + whole.length
    const put = by(whole, groups)
    parts.push(put)
    const { start, end } = placeIn(view, match.index, kept)
    for (let unit = 0; unit < put.length; unit++) {
      from.push(start)
      to.push(end)
    }
  }
  keep(kept, text.length)
  return {
    text: parts.join(''),
    places: { starts: Uint32Array.from(from), ends: Uint32Array.from(to) },
  }
}
