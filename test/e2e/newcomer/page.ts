/** A part of a page that a reader acts on: a whole file to write, or commands to run. */
export type Act =
  | { kind: 'write'; section: string; path: string; text: string }
  | { kind: 'run'; section: string; script: string }

/**
 * What a reader of a Markdown page does, from top to bottom: a fenced block that begins with a comment of a path is that
 * file, any other `sh` block is run.
 */
export function actsOf(page: string): Act[] {
  const acts: Act[] = []
  let section = ''
  for (const [, heading, language = '', block = ''] of page.matchAll(
    /^## (.+)$|^```(\w+)\n([\s\S]*?)^```$/gm,
  )) {
    if (heading !== undefined) {
      section = heading
      continue
    }
    const [, path, text] = /^# ((?:deployment|\.github)\/\S+)\n([\s\S]*)$/.exec(block) ?? []
    if (path !== undefined && text !== undefined) acts.push({ kind: 'write', section, path, text })
    else if (language === 'sh') acts.push({ kind: 'run', section, script: block })
  }
  return acts
}
