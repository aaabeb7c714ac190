/** Where a step says what it does while it does it. Implementations redact secrets and neutralise runner commands. */
export interface Log {
  info(line: string): void
  warn(line: string): void
  error(line: string): void
  /** Lines that only matter when something has to be understood afterwards. */
  debug(line: string): void
  /** Folds what `work` logs under a title where the place can fold. */
  group<T>(title: string, work: () => Promise<T>): Promise<T>
}
