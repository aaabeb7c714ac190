import { cutEnd } from '../../outcome/cut.ts'
/** One series of a metrics text. */
export interface Series {
  name: string
  labels: Record<string, string>
  /** May be NaN or infinite. */
  value: number
  /** Milliseconds since 1970, where the text says it. */
  at: number | undefined
}

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped'

export interface Exposition {
  series: Series[]
  /** By the name of the family. */
  types: Map<string, MetricType>
}

/** Where a text is not what it should be. */
export interface Flaw {
  /** From 1. */
  line: number
  /** What was found, and what is accepted. */
  why: string
}

const metricTypes: readonly MetricType[] = ['counter', 'gauge', 'histogram', 'summary', 'untyped']
const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*/
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*/

/**
 * Reads Prometheus' text format 0.0.4 as its specification has it
 * (https://prometheus.io/docs/instrumenting/exposition_formats), and nothing else: what a scrape would refuse, or would
 * take for something else than was meant, is a flaw.
 */
export function parseExposition(text: string): Exposition | Flaw {
  if (text === '') return { line: 1, why: 'nothing is there; accepted: lines of metrics' }
  const found: Exposition = { series: [], types: new Map() }
  const seen = { names: new Set<string>(), series: new Set<string>(), helped: new Set<string>() }
  const lines = text.split('\n')
  for (const [index, line] of lines.entries()) {
    const why = line.startsWith('#') ? readComment(line, found, seen) : readSample(line, found, seen)
    if (why !== undefined) return { line: index + 1, why }
  }
  if (lines.at(-1) !== '')
    return {
      line: lines.length,
      why: 'the text ends in the middle of a line; accepted: a line feed at its end',
    }
  return found
}

interface Known {
  names: Set<string>
  series: Set<string>
  helped: Set<string>
}

function readComment(line: string, { types }: Exposition, { names, helped }: Known): string | undefined {
  const [, keyword, rest = ''] = /^#[ \t]*(HELP|TYPE)[ \t](.*)$/.exec(line) ?? []
  if (keyword === undefined) return undefined
  const [name = '', word = ''] = rest.trimStart().split(/[ \t]+/)
  if (metricName.exec(name)?.[0] !== name) return `${show(name)} after ${keyword}; accepted: a metric's name`
  if (keyword === 'HELP') {
    if (helped.has(name)) return `a second HELP of ${name}; accepted: one`
    helped.add(name)
    return undefined
  }
  const type = metricTypes.find(each => each === word)
  if (!type) return `the type of ${name} is ${show(word)}; accepted: ${metricTypes.join(', ')}`
  if (types.has(name)) return `a second TYPE of ${name}; accepted: one`
  if (names.has(name)) return `the TYPE of ${name} comes after its samples; accepted: before the first`
  types.set(name, type)
  return undefined
}

function readSample(line: string, { series, types }: Exposition, known: Known): string | undefined {
  const text = line.trim()
  if (text === '') return undefined
  const name = metricName.exec(text)?.[0]
  if (name === undefined) return `${show(text)}; accepted: a metric's name at the beginning`
  const read = readLabels(text.slice(name.length))
  if (typeof read === 'string') return read
  const [value = '', at, ...more] = read.rest
    .trimStart()
    .split(/[ \t]+/)
    .filter(Boolean)
  const number = parseValue(value)
  if (number === undefined)
    return `the value of ${name} is ${show(value)}; accepted: a number, NaN, +Inf or -Inf`
  if (at !== undefined && !/^-?\d{1,16}$/.test(at))
    return `the timestamp of ${name} is ${show(at)}; accepted: whole milliseconds since 1970`
  if (more.length > 0) return `${show(more.join(' '))} after the timestamp; accepted: nothing`
  const key = `${name}${JSON.stringify(Object.entries(read.labels).sort())}`
  if (known.series.has(key)) return `${name} is there twice with the same labels; accepted: each series once`
  known.series.add(key)
  known.names.add(familyOf(name, types))
  series.push({ name, labels: read.labels, value: number, at: at === undefined ? undefined : Number(at) })
  return undefined
}

/** The family that a series belongs to: that of a histogram or summary has no suffix. */
export function familyOf(name: string, types: Exposition['types']): string {
  const base = name.replace(/_(bucket|sum|count)$/, '')
  const type = types.get(base)
  return type === 'histogram' || type === 'summary' ? base : name
}

/**
 * Reads `{name="value",...}` and what follows; without braces there are no labels.
 * @returns why it cannot be read, otherwise
 */
export function readLabels(text: string): { labels: Record<string, string>; rest: string } | string {
  const labels: Record<string, string> = {}
  let rest = text.trimStart()
  if (!rest.startsWith('{')) return { labels, rest }
  rest = rest.slice(1).trimStart()
  while (!rest.startsWith('}')) {
    const name = labelName.exec(rest)?.[0]
    if (name === undefined) return `${show(rest)} among the labels; accepted: name="value" or }`
    if (Object.hasOwn(labels, name)) return `the label ${name} is there twice; accepted: once`
    const value = /^\s*=\s*"((?:[^"\\]|\\[\\n"])*)"\s*/.exec(rest.slice(name.length))
    if (!value)
      return `the value of the label ${name}; accepted: ="...", with \\\\, \\n and \\" for what they stand for`
    labels[name] = (value[1] ?? '').replace(/\\(.)/g, (_, sign: string) => (sign === 'n' ? '\n' : sign))
    rest = rest.slice(name.length + value[0].length)
    if (rest.startsWith(',')) rest = rest.slice(1).trimStart()
    else if (!rest.startsWith('}')) return `${show(rest)} after the label ${name}; accepted: , or }`
  }
  return { labels, rest: rest.slice(1) }
}

/** A number as Go's ParseFloat takes it, which is what Prometheus asks. */
function parseValue(text: string): number | undefined {
  if (/^[+-]?(inf|infinity)$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  if (/^nan$/i.test(text)) return NaN
  return /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined
}

function show(text: string): string {
  return text === '' ? 'nothing' : JSON.stringify(cutEnd(text, 40))
}
