import { placesOf } from './places.ts'
import { Programs, type Program } from './programs.ts'
import { LabError } from './lab-error.ts'

/** Where each of these programs is; built from source, one after the other, when it is needed for the first time. */
export async function buildPrograms<P extends Program>(names: P[]): Promise<Record<P, string>> {
  const programs = new Programs(placesOf(process.env), new AbortController().signal, (program, text) =>
    process.stderr.write(`   ${program}: ${text}\n`),
  )
  try {
    const built = await Promise.all(names.map(async name => [name, await programs.build(name)] as const))
    return Object.fromEntries(built) as Record<P, string>
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    throw new Error(`${error.message}\n${error.hint}`, { cause: error })
  }
}
