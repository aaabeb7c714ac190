import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { minify } from 'terser'

// ncc minifies its entry alone; the chunks that are imported lazily are minified here.
const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('usage: minify.ts FOLDER')
for (const name of readdirSync(folder).filter(file => file.endsWith('.js'))) {
  const file = join(folder, name)
  const { code } = await minify(readFileSync(file, 'utf8'), { module: true, compress: true, mangle: true })
  if (code === undefined) throw new Error(`${file}: terser gave nothing`)
  writeFileSync(file, code)
}
