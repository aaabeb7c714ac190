import { createHash } from 'node:crypto'

/** One line, or one family of lines, on a panel. */
export interface Query {
  expr: string
  /** How Grafana names the line: `{{instance}}`. */
  legend: string
}

/** Units as Grafana calls them. */
export type Unit = 'percentunit' | 's' | 'reqps' | 'short' | 'bytes'

export interface Panel {
  title: string
  description: string
  kind: 'timeseries' | 'stat'
  unit: Unit
  queries: Query[]
  /** From this value on it is drawn red. */
  alarm?: number
}

export interface Dashboard {
  /** One word: the file's name. */
  name: string
  /** The same at every upload, so that it is replaced and not doubled. */
  id: string
  title: string
  tags: string[]
  panels: Panel[]
}

/** The longest uid that Grafana takes. */
const uidLength = 40

/** The grid of Grafana is 24 wide: three panels stand beside each other. */
const columns = 3
const [width, height] = [24 / columns, 8]

const source = { type: 'prometheus', uid: '${datasource}' }

/** A dashboard in the JSON model of Grafana 9 and newer: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/ */
export function toGrafana({ id, title, tags, panels }: Dashboard): object {
  return {
    uid: id.length <= uidLength ? id : createHash('sha256').update(id).digest('hex').slice(0, uidLength),
    title,
    tags,
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    timezone: 'browser',
    templating: {
      list: [{ name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' }],
    },
    annotations: {
      list: [
        {
          name: 'Releases',
          enable: true,
          datasource: { type: 'grafana', uid: '-- Grafana --' },
          iconColor: 'purple',
          target: {
            type: 'tags',
            tags: ['runbook', ...tags.filter(tag => tag !== 'runbook')],
            matchAny: false,
          },
        },
      ],
    },
    panels: panels.map(toPanel),
  }
}

function toPanel({ title, description, kind, unit, queries, alarm }: Panel, index: number): object {
  const steps = [
    { color: 'green', value: null },
    ...(alarm === undefined ? [] : [{ color: 'red', value: alarm }]),
  ]
  return {
    id: index + 1,
    title,
    description,
    type: kind,
    datasource: source,
    gridPos: { h: height, w: width, x: (index % columns) * width, y: Math.floor(index / columns) * height },
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(unit === 'percentunit' ? { max: 1 } : {}),
        thresholds: { mode: 'absolute', steps },
        ...(kind === 'timeseries' && alarm !== undefined
          ? { custom: { thresholdsStyle: { mode: 'line' }, fillOpacity: 10 } }
          : {}),
      },
      overrides: [],
    },
    targets: queries.map(({ expr, legend }, each) => ({
      refId: String.fromCharCode(65 + each),
      datasource: source,
      expr,
      legendFormat: legend,
    })),
  }
}
