import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** The file of that name on PATH that may be run first; undefined when there is none. */
export async function findOnPath(
  env: Record<string, string | undefined>,
  name: string,
): Promise<string | undefined> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    if (folder.startsWith('/') && (await isProgram(join(folder, name)))) return join(folder, name)
  }
  return undefined
}

/** Whether this user may run that file. */
export async function isProgram(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  )
}
