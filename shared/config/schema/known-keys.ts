import { z } from 'zod'

/** JSON Schema, as far as keys are found by it. */
interface Node {
  properties?: Record<string, Node>
  additionalProperties?: Node | boolean
  items?: Node
  anyOf?: Node[]
  oneOf?: Node[]
  const?: unknown
}

/**
 * The keys that a schema knows at a path of a document, as it lists them. Where it has several shapes, like targets of
 * several kinds, those of the shape that the document's own constants choose.
 */
export function knownKeys(schema: z.ZodType, document: unknown, path: (string | number)[]): string[] {
  let nodes = [z.toJSONSchema(schema, { unrepresentable: 'any' }) as Node]
  let value = document
  for (const part of path) {
    nodes = chosen(nodes, value).flatMap(node => below(node, part))
    value = isObject(value) ? value[part] : undefined
  }
  return [...new Set(chosen(nodes, value).flatMap(({ properties = {} }) => Object.keys(properties)))]
}

/** The key that was probably meant; undefined when none is near. */
export function nearestKey(word: string, keys: string[]): string | undefined {
  const most = (key: string) => Math.max(1, Math.floor(key.length / 3))
  const [nearest] = keys
    // As many steps as the lengths differ by are needed at least: a long word is not compared with every key.
    .filter(key => Math.abs(key.length - word.length) <= most(key))
    .map(key => ({ key, steps: distance(word.toLowerCase(), key.toLowerCase()) }))
    .filter(({ key, steps }) => steps <= most(key))
    .toSorted((a, b) => a.steps - b.steps)
  return nearest?.key
}

function below({ properties, additionalProperties, items }: Node, part: string | number): Node[] {
  if (typeof part === 'number') return items ? [items] : []
  const own = properties?.[part]
  if (own) return [own]
  return typeof additionalProperties === 'object' ? [additionalProperties] : []
}

function chosen(nodes: Node[], value: unknown): Node[] {
  return nodes.flatMap(node => {
    const shapes = node.anyOf ?? node.oneOf
    return shapes ? chosen(fitting(shapes, value), value) : [node]
  })
}

function fitting(shapes: Node[], value: unknown): Node[] {
  const fit = shapes.filter(({ properties = {} }) =>
    Object.entries(properties).every(
      ([key, { const: wanted }]) => wanted === undefined || (isObject(value) && value[key] === wanted),
    ),
  )
  return fit.length > 0 ? fit : shapes
}

/** Insertions, removals, replacements and swaps of neighbours between two words (Damerau, 1964; restricted). */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number) => rows[row]?.[column] ?? Infinity
  for (let i = 1; i <= a.length; i += 1) {
    rows.push([i])
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Infinity
      rows[i]?.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced, swapped))
    }
  }
  return at(a.length, b.length)
}

function isObject(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null
}
