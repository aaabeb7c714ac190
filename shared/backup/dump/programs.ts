/** PostgreSQL's own programs, of one installation. */
export interface Programs {
  major: number
  /** As it says itself: `15.18`. */
  version: string
  pgDump: string
  /**
   * What pg_dump is started through, so that it writes in large pieces: with its own 4 KiB, who reads it takes three
   * times as long for it (1.5 s of 1.27 GB, against 0.5 s). Empty where the machine has no `stdbuf` (GNU coreutils).
   */
  launcher: string[]
  pgRestore: string
  /** What a temporary server is made with; undefined when only the client is installed. */
  server: { initdb: string; postgres: string } | undefined
  /** The image that they are in; undefined when they are on this machine. */
  image: string | undefined
}
