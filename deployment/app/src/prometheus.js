import { BOUNDS } from './histogram.js'

/** The text exposition format that every Prometheus understands. */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** @typedef {Record<string, string | number>} Labels */
/** @typedef {{suffix?: string, labels?: Labels, value: number | null}} Sample a null value is left out */
/** @typedef {{name: string, help: string, type: 'counter' | 'gauge' | 'histogram', samples: Sample[]}} Family */

/**
 * @param {Family[]} families
 * @returns {string}
 */
export function renderText(families) {
  return families
    .map(({ name, help, type, samples }) => ({
      head: `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`,
      lines: samples
        .filter(({ value }) => value !== null)
        .map(({ suffix = '', labels = {}, value }) => `${name}${suffix}${renderLabels(labels)} ${value}\n`),
    }))
    .filter(({ lines }) => lines.length > 0)
    .map(({ head, lines }) => head + lines.join(''))
    .join('')
}

/**
 * The samples of one labelled histogram: cumulative buckets, sum and count.
 * @param {Labels} labels
 * @param {import('./histogram.js').Histogram} histogram
 * @returns {Sample[]}
 */
export function histogramSamples(labels, { counts, count, sum }) {
  let below = 0
  const buckets = BOUNDS.map((bound, index) => {
    below += counts[index] ?? 0
    return { suffix: '_bucket', labels: { ...labels, le: bound }, value: below }
  })
  return [
    ...buckets,
    { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count },
    { suffix: '_sum', labels, value: sum },
    { suffix: '_count', labels, value: count },
  ]
}

/** @param {Labels} labels */
function renderLabels(labels) {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(String(value))}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** @param {string} value */
const escape = value => value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')

/**
 * Does the caller want the text format? Prometheus asks for it by name. People, whose tools say that anything will do,
 * and clients that also list JSON get JSON.
 * @param {string} accept the request's Accept header
 */
export function wantsText(accept) {
  if (/\bapplication\/json\b/i.test(accept)) return false
  return /\b(text\/plain|application\/openmetrics-text)\b/i.test(accept)
}
