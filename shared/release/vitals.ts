/** How one instance of what serves is, as its target counts it. */
export interface Vitals {
  /** `pod runbook-api-7c9f-x2`, `container runbook-staging`, `app runbook-api` */
  instance: string
  /** It may have traffic. */
  ready: boolean
  /** How often it was started again since it was made. */
  restarts: number
  /** Why it ended the last time: `exit code 1`; empty when it never did. */
  lastEnd: string
  /** The last time it was ended for the memory that it took. */
  outOfMemory: boolean
  /** What its target measures of it; nothing where it measures nothing, or the instance has no limit. */
  usage?: Partial<Record<Measured, Measurement>>
}

export type Measured = 'memory' | 'cpu'

/** How much of what it may have an instance uses. */
export interface Measurement {
  /** Of 1, which is the limit. */
  share: number
  /** `limit of 512.0 MiB` */
  of: string
  /** When it was measured: two looks may be shown the same measurement. */
  at: string
}
