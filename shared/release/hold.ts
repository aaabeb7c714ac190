import { showMinute } from '../config/values.ts'
import type { Hold } from './ledger.ts'

/** `ada, since 2026-11-23 07:10 UTC: moving the database` */
export function describeHold({ by, because, since }: Hold): string {
  return `${by}, since ${showMinute(since)}: ${because}`
}
