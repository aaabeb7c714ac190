/** A piece of base64 shorter than this stands in too many texts by chance to be hidden. */
const leastCore = 8
/** `base64` breaks its output into lines of so many characters (GNU coreutils). */
const lineLength = 76

/**
 * The other forms in which programs write a value: in a URL, in JSON, and in base64, wherever in the encoded text it
 * stands. A pod that crashes prints its environment in any of them.
 */
export function encodingsOf(value: string): string[] {
  const url = encodeURIComponent(value)
  const json = JSON.stringify(value).slice(1, -1)
  const forms = new Set([url, json, ...asWritten(value), ...base64Of(value)])
  forms.delete(value)
  return [...forms]
}

/** As this suite itself writes others' text: on one line, and so that a runner obeys nothing of it. */
function asWritten(value: string): string[] {
  const defused = JSON.stringify(value).slice(1, -1).replaceAll('::', ':\u200b:')
  return [value.replace(/\s+/g, ' '), defused]
}

/**
 * Three bytes become four characters, so a value has three shapes in base64, by where it begins. Of each the characters
 * that depend on the value alone.
 */
function base64Of(value: string): string[] {
  const bytes = Buffer.from(value)
  const cores = [0, 1, 2].map(offset => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
    return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
  })
  const [alone = ''] = cores
  const lines = alone.match(new RegExp(`.{${lineLength}}|.+$`, 'g')) ?? []
  return [...cores, ...(lines.length > 1 ? lines : [])]
    .filter(core => core.length >= leastCore)
    .flatMap(core => [core, core.replaceAll('+', '-').replaceAll('/', '_')])
}
