/**
 * How GitHub's runner takes a line of a step's output for a workflow command, written after actions/runner,
 * `ActionCommand.TryParseV2`, `ActionCommand.TryParse` and `ActionCommandManager.TryProcessCommand`.
 */

/** The commands that a runner knows; their case does not matter. */
const registered = new Set([
  'add-mask',
  'add-matcher',
  'add-path',
  'debug',
  'echo',
  'endgroup',
  'error',
  'group',
  'internal-set-repo-path',
  'notice',
  'remove-matcher',
  'save-state',
  'set-env',
  'set-output',
  'stop-commands',
  'warning',
])

/**
 * How the runner compares text. It calls .NET's `StartsWith` and `IndexOf` without saying how, so that with ICU's data they
 * pass over characters that have no weight in a collation (a zero-width space, a soft hyphen, controls); without the data
 * they compare code units.
 */
export type Comparison = 'ordinal' | 'cultural'

export interface Command {
  name: string
  data: string
}

/** What a process wrote, as the runner reads it: `StreamReader.ReadLine` ends a line at CR, LF or both. */
export function commandsIn(output: string): Command[] {
  const lines = output.split(/\r\n|\r|\n/)
  const comparisons: Comparison[] = ['ordinal', 'cultural']
  return lines.flatMap(line =>
    comparisons.flatMap(by => {
      const command = parseCommand(line, by)
      return command ? [command] : []
    }),
  )
}

export function parseCommand(line: string, by: Comparison): Command | undefined {
  return parseColons(line, by) ?? parseBrackets(line, by)
}

/** `::name key=value::data`, after .NET's TrimStart. */
function parseColons(line: string, by: Comparison): Command | undefined {
  const message = line.replace(/^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/, '')
  if (indexOf(message, '::', 0, by)?.leading !== true) return undefined
  const end = indexOf(message, '::', 2, by)
  return end && named(message.slice(2, end.at), message.slice(end.at + 2))
}

/** `##[name key=value;]data`, anywhere in the line. */
function parseBrackets(line: string, by: Comparison): Command | undefined {
  const start = indexOf(line, '##[', 0, by)
  const end = start ? line.indexOf(']', start.at) : -1
  return start && end >= 0 ? named(line.slice(start.at + 3, end), line.slice(end + 1)) : undefined
}

function named(info: string, data: string): Command | undefined {
  const [name = ''] = info.split(' ', 1)
  return registered.has(name.toLowerCase()) ? { name: name.toLowerCase(), data } : undefined
}

/** Where a sign comes first, and whether nothing of weight stands before it. */
function indexOf(
  text: string,
  sign: string,
  from: number,
  by: Comparison,
): { at: number; leading: boolean } | undefined {
  const weightless =
    /[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]/
  const kept = Array.from({ length: text.length }, (_, at) => at).filter(
    at => at >= from && (by === 'ordinal' || !weightless.test(text.charAt(at))),
  )
  const found = kept
    .map(at => text.charAt(at))
    .join('')
    .indexOf(sign)
  const at = kept[found]
  return at === undefined || found < 0 ? undefined : { at, leading: found === 0 }
}
