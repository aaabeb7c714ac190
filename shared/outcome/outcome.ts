import type { Reason } from './reasons.ts'

/** `inconclusive` fails a job as `failure` does, but is never taken for a verdict. */
export type Status = 'success' | 'failure' | 'inconclusive' | 'skipped'

/** One probe of a plot, or several that were folded into one. */
export interface PlotPoint {
  /** How long the answer took; null when there was none. */
  ms: number | null
  state: 'good' | 'bad' | 'gap'
}

/** Probes in the order of time, before a deploy and after it, for renderings that can draw. */
export interface Plot {
  /** Empty when it was not looked at before. */
  before: PlotPoint[]
  after: PlotPoint[]
  /** What was too slow, milliseconds. */
  limitMs?: number
}

/** One thing that was seen, in words for the operator who has to act on it. */
export interface Evidence {
  /** What it is about: `pod runbook-api-7c9f`, `GET /health`, `users`. */
  subject: string
  /** What was seen, one line. */
  finding: string
  /** `good` and `bad` are coloured; `note` is neither. */
  tone: 'good' | 'warn' | 'bad' | 'note'
  /** What to do about it, one sentence. */
  next?: string
  /** Longer text that belongs to it: the tail of a log, a diff, events. Already without secrets. */
  detail?: string
  plot?: Plot
}

/** How long one part of a step took. */
export interface Timing {
  phase: string
  ms: number
}

/** The end of one step: all that its renderings (log, summary, JSON, ...) are made of. */
export interface Outcome {
  step: string
  service: string
  environment: string
  status: Status
  reason: Reason
  /** What happened, one sentence: the line that a pager shows. */
  summary: string
  /** What to do next; empty when there is nothing to do. */
  next: string
  /** What serves the environment now, as far as the step knows. */
  serving: string
  /** Class of what keeps a release from running: `crash-loop`, `image-missing`, ...; empty when nothing did. */
  cause: string
  evidence: Evidence[]
  timings: Timing[]
  /** Milliseconds from the step's start to its end. */
  durationMs: number
  /** When the step started, ISO 8601. */
  startedAt: string
  /** The action's own outputs by name, as in its action.yml. */
  outputs: Record<string, string>
}

/** What a step says of its end; `concluded` adds where and how long. */
export type Conclusion = Pick<Outcome, 'status' | 'reason' | 'summary'> &
  Partial<Pick<Outcome, 'next' | 'serving' | 'cause' | 'evidence' | 'outputs'>>
