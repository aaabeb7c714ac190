/** Numbers that follow from a seed: the same run again is the same. */
export interface Random {
  /** From 0 to `below` - 1. */
  below(below: number): number
  pick<T>(from: readonly T[]): T
}

/** mulberry32: 32 bits of state. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const below = (limit: number) => next() % Math.max(1, limit)
  return {
    below,
    pick(from) {
      const picked = from[below(from.length)]
      if (picked === undefined) throw new RangeError('nothing to pick from')
      return picked
    },
  }
}

/** Longer inputs make no new branches and take longer. */
const longestInput = 8_192

/** What parsers take for something of their own: signs, borders of numbers, text that is no text. */
const signs = [
  ...[
    '"',
    "'",
    '`',
    '\\',
    '\\u0000',
    '\n',
    '\r\n',
    '\r',
    '\t',
    ' ',
    '\0',
    '/',
    '//',
    ':',
    '::',
    ';',
    ',',
    '.',
    '..',
  ],
  ...[
    '=',
    '@',
    '#',
    '##[',
    '%',
    '%00',
    '%zz',
    '&',
    '&amp;',
    '$',
    '${',
    '}',
    '{',
    '{{',
    '[',
    ']',
    '(',
    ')',
    '<',
    '>',
  ],
  ...[
    '*',
    '&a',
    '*a',
    '!!',
    '|',
    '>-',
    '---',
    '- ',
    '? ',
    '-',
    '--',
    '+',
    '~',
    '^',
    '__proto__',
    'constructor',
  ],
  ...[
    'null',
    'true',
    'NaN',
    'Infinity',
    '-0',
    '0',
    '1',
    '-1',
    '1e999',
    '1e-999',
    '0x10',
    '0o7',
    '9007199254740993',
  ],
  ...[
    '99999999999999999999999',
    '2147483648',
    '4294967296',
    '-9223372036854775808',
    '\u0085',
    '\u2028',
    '\ufeff',
    '\u200b',
  ],
  ...['é', '漢', '😀', '\ud800', '\u0130', 'ﬀ', '\u0301'],
].map(text => Buffer.from(text))

/** One to a few changes of an input, as libFuzzer makes them. */
export function mutate(
  random: Random,
  input: Buffer,
  corpus: readonly Buffer[],
  words: readonly Buffer[],
): Buffer {
  const document = random.below(3) === 0 ? jsonIn(input) : undefined
  let bytes =
    document === undefined ? input : Buffer.from(JSON.stringify(changeValue(random, document.value)))
  if (document !== undefined && random.below(4) > 0) return bytes
  for (let change = 1 + random.below(4); change > 0; change--)
    bytes = changeOnce(random, bytes, corpus, words)
  return bytes.length > longestInput ? bytes.subarray(0, longestInput) : bytes
}

function changeOnce(
  random: Random,
  bytes: Buffer,
  corpus: readonly Buffer[],
  words: readonly Buffer[],
): Buffer {
  const at = random.below(bytes.length + 1)
  const length = Math.min(bytes.length - at, 1 + random.below(random.below(4) === 0 ? 256 : 8))
  const splice = (removed: number, put: Uint8Array) =>
    Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + removed)])
  switch (random.below(10)) {
    case 0:
      return splice(length, Buffer.alloc(0))
    case 1:
      return splice(0, Buffer.from([random.below(256)]))
    case 2:
      return splice(1, Buffer.from([(bytes[at] ?? 0) ^ (1 << random.below(8))]))
    case 3:
      return splice(0, random.pick(signs))
    case 4:
      return splice(length, random.pick(signs))
    case 5:
      return splice(0, words.length > 0 ? random.pick(words) : Buffer.alloc(1))
    case 6:
      return splice(length, words.length > 0 ? random.pick(words) : Buffer.alloc(1))
    case 7: {
      // A part of it once more, or very often: nesting, long runs.
      const part = bytes.subarray(at, at + length)
      const times = random.below(20) === 0 ? 1 + random.below(2_000) : 1 + random.below(4)
      return splice(0, Buffer.concat(Array.from({ length: times }, () => part).slice(0, longestInput)))
    }
    case 8: {
      const other = random.pick(corpus)
      const from = random.below(other.length + 1)
      return splice(length, other.subarray(from, from + 1 + random.below(64)))
    }
    default: {
      const other = random.pick(corpus)
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))])
    }
  }
}

/** Values of another type, or at a border, than a reader of JSON expects. */
const oddValues: readonly unknown[] = [
  ...[
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    9_007_199_254_740_993,
    '',
    'x',
    '__proto__',
    '1',
    'r1',
    [],
    {},
    [null],
    [[]],
  ],
  ...[
    { name: null },
    ['x'],
    { toString: 1 },
    JSON.parse('{"__proto__": {"x": 1}}') as unknown,
    '\u0000',
    '\ud800',
  ],
]

function jsonIn(input: Buffer): { value: unknown } | undefined {
  if (!/^\s*[[{]/.test(input.toString('latin1', 0, 16))) return undefined
  try {
    return { value: JSON.parse(input.toString('utf8')) as unknown }
  } catch {
    return undefined
  }
}

/** One value of a document, anywhere in it, is replaced, left out, or there twice: what stays is JSON, unlike after a change of bytes. */
function changeValue(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random.below(6) === 0) return random.pick(oddValues)
  if (Array.isArray(value)) {
    const at = random.below(value.length + 1)
    const each: unknown = value[at]
    if (at === value.length) return [...(value as unknown[]), random.pick(oddValues)]
    return random.below(5) === 0
      ? value.toSpliced(at, random.below(2), each)
      : value.with(at, changeValue(random, each))
  }
  const entries = Object.entries(value)
  const at = random.below(entries.length + 1)
  const [key, each] = (entries[at] ?? ['__proto__', undefined]) as [string, unknown]
  if (random.below(6) === 0) entries.splice(at, 1)
  else entries.splice(at, 1, [key, changeValue(random, each)])
  return Object.fromEntries(entries)
}
