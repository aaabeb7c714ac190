/** A piece of base64 shorter than this stands in too many texts by chance to be hidden. */
const leastCore = 8
/** As short a value in hexadecimal digits: 4 bytes. */
const leastHex = 8
/** `base64` breaks its output into lines of so many characters (GNU coreutils). */
const lineLength = 76

/**
 * The other forms in which programs write a value and others may cut it: in a URL, in JSON, and in base64, wherever in the
 * encoded text it stands. A pod that crashes prints its environment in any of them.
 */
export function encodingsOf(value: string): string[] {
  const url = encodeURIComponent(value.toWellFormed())
  const json = JSON.stringify(value).slice(1, -1)
  const [alone = ''] = coresOf(Buffer.from(value))
  const lines = alone.length > lineLength ? (alone.match(new RegExp(`.{1,${lineLength}}`, 'g')) ?? []) : []
  const forms = new Set([url, json, value.replace(/\s+/g, ' '), ...base64Of(value), ...lines])
  forms.delete(value)
  return [...forms]
}

/** The value in base64, of both alphabets, as a part of a longer text; also of its forms in JSON and in a URL. */
export function base64FormsOf(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1)
  const written = new Set([value, json, encodeURIComponent(value.toWellFormed())])
  const once = [...written].flatMap(base64Of)
  // A Kubernetes Secret in a backup, or a registry login in a Secret, is encoded twice.
  return [...new Set([...once, ...base64Of(value).flatMap(base64Of)])]
}

/** The value in hexadecimal digits, of small letters; empty when it is too short for that. */
export function hexFormsOf(value: string): string[] {
  const digits = Buffer.from(value).toString('hex')
  return digits.length >= leastHex ? [digits] : []
}

function base64Of(value: string): string[] {
  return coresOf(Buffer.from(value))
    .filter(core => core.length >= leastCore)
    .flatMap(core => [core, core.replaceAll('+', '-').replaceAll('/', '_')])
}

/**
 * Three bytes become four characters, so a value has three shapes in base64, by where it begins. Of each the characters
 * that depend on the value alone.
 */
function coresOf(bytes: Buffer): string[] {
  return [0, 1, 2].map(offset => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
    return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
  })
}
