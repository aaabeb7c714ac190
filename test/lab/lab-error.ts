/** Why the lab cannot be had, for a person: which part, what happened, what to do. */
export class LabError extends Error {
  override name = 'LabError'
  readonly hint: string
  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options)
    this.hint = hint
  }
}
