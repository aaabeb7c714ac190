/**
 * Stands between the characters of a workflow command in others' text. It is not seen, takes no room, and no program reads a
 * command across it: GitHub's runner looks for the name of a command right after `::` or `##[`, by the number of characters.
 */
const commandBreak = '\u200b'

/** Colours of a terminal, which pods write into their logs: they say nothing in a report. */
const colours = /\u001b\[[\d;:]{0,40}m/g

/**
 * What a terminal, a browser or a runner obeys, or what hides or reorders the text around it: C0 and C1 controls other than
 * the line feed and the tab (ESC, BEL, VT, FF, NEL among them), the line and paragraph separators, bidirectional controls
 * (Unicode Standard Annex 9), the byte order mark, and tag characters.
 */
const unprintable =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\u{e0000}-\u{e007f}]/gu

/**
 * Text of others as it may be printed anywhere: to a runner, a terminal, a file of lines. The one place where such text is
 * escaped.
 *
 * - Line breaks become line feeds; colours are left out; every other control character is shown as `\u001b`.
 * - No part of it is a workflow command, wherever in a line it comes to stand: `::` and `##[` are broken.
 *
 * Printable text stays as it is, so it does no harm to call it twice. Work and result are linear in the length of the text.
 */
export function printable(text: string): string {
  return text
    .toWellFormed()
    .replaceAll('\r\n', '\n')
    .replaceAll('\r', '\n')
    .replace(colours, '')
    .replace(unprintable, shown)
    .replace(/:(?=:)/g, `:${commandBreak}`)
    .replace(/##(?=\[)/g, `##${commandBreak}`)
}

/** The same on one line: line breaks, with the blanks around them, become one blank. */
export function printableLine(text: string): string {
  return oneLine(printable(text))
}

/** The lines of a text as one, each without the blanks around it. Linear in the length of the text. */
export function oneLine(text: string): string {
  return text
    .split(/[\n\v\f\r\u0085\u2028\u2029]/)
    .map(line => line.trim())
    .filter(line => line !== '')
    .join(' ')
}

/**
 * A value as JSON that holds no workflow command either: in strings, the second `:` of `::` and the second `#` of `##[` are
 * written as `\u003a` and `\u0023`, which every parser reads back. Only strings can hold two of them in a row.
 * @param indent blanks of each level; 0 for one line
 */
export function printableJson(value: unknown, indent: number): string {
  return JSON.stringify(value, null, indent)
    .replace(unprintable, shown)
    .replace(/(?<=:):/g, '\\u003a')
    .replace(/(?<=#)#(?=\[)/g, '\\u0023')
}

function shown(character: string): string {
  return Array.from({ length: character.length }, (_, at) => unit(character.charCodeAt(at))).join('')
}

function unit(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`
}
