import type { Evidence } from '../../../outcome/outcome.ts'
import type { ReleaseId } from '../../../release/ledger.ts'
import { inspect, readLog, type ContainerDetail } from '../engine/containers.ts'
import { isBetweenRuns } from '../apply/judge.ts'
import type { Context } from '../engine/context.ts'
import { readStore } from '../state/store.ts'

/** Lines of each container's log. */
const logLines = 60
const healthChecks = 3
/** The engine writes the log of a container that has just ended a moment after it reports the end. */
const lateLogMs = 2_000
const askAgainMs = 100

/**
 * The end of a container's log, without secrets. One that has ended, or was restarted, and has an empty log is asked again,
 * for 2 s at most: the engine may not have written it yet.
 */
export async function readSettledLog(
  { engine, adapters }: Context,
  detail: ContainerDetail,
  lines: number,
): Promise<string> {
  const { clock, secrets, signal } = adapters
  const ended = isBetweenRuns(detail.State) || detail.RestartCount > 0
  const giveUp = clock.elapsed() + (ended ? lateLogMs : 0)
  for (;;) {
    const log = await readLog(engine, detail.Id, lines)
    if (log !== '' || clock.elapsed() >= giveUp) return secrets.redactPiece(log)
    await clock.sleep(askAgainMs, signal)
  }
}

/** State, log and health checks of each container of a release that is still there; none once they are removed. */
export async function readEvidence(context: Context, id: ReleaseId): Promise<Evidence[]> {
  const { fleet } = await readStore(context)
  const members = [...fleet.services, ...fleet.trials].filter(({ release }) => release === id)
  const found = await Promise.all(
    members.map(async ({ id: container, name }): Promise<Evidence[]> => {
      const detail = await inspect(context.engine, container)
      if (!detail) return []
      const log = await readSettledLog(context, detail, logLines)
      const health = detail.State.Health?.Log?.slice(-healthChecks) ?? []
      const said = health.map(({ Output }) => context.adapters.secrets.redactPiece(Output.trim()))
      return [
        {
          subject: `log of container ${name}`,
          finding: log === '' ? 'it wrote nothing' : 'the last lines:',
          tone: 'note',
          ...(log === '' ? {} : { detail: log }),
        },
        { subject: `container ${name}`, finding: stateOf(detail), tone: 'note' },
        ...(said.length > 0
          ? [
              {
                subject: 'health check',
                finding: 'said last:',
                tone: 'note',
                detail: said.join('\n'),
              } as const,
            ]
          : []),
      ]
    }),
  )
  return found.flat()
}

function stateOf({ State: state, RestartCount: restarts }: ContainerDetail): string {
  const facts = [
    state.Status,
    ...(isBetweenRuns(state) ? [`exit code ${state.ExitCode}`] : []),
    ...(state.OOMKilled ? ['ran out of its memory limit'] : []),
    ...(state.Error ? [state.Error] : []),
    `restarts: ${restarts}`,
  ]
  return facts.join('; ')
}
