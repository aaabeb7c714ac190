import { cutEnd } from '../../outcome/cut.ts'
import { escapeMarkup, postToSlack, type SlackMessage } from '../../integrations/observability/slack.ts'
import { pass, skip, warn, type Check, type CheckContext, type Waiver } from '../check.ts'

const sendMs = 15_000

/** The team knows that a release is on its way: what, where, by whom, and which checks it does without. */
export const announcement: Check = {
  id: 'announcement',
  title: 'The team was told in Slack',
  inapplicable: ({ notify }) => (notify.slack === '' ? 'the runbook names no Slack (notify.slack)' : ''),
  async run(context) {
    const { env, environment, version, clock, signal } = context
    const variable = environment.notify.slack
    const webhook = env[variable] ?? ''
    if (version === '') return skip('no version was named, so there is nothing to announce')
    if (webhook === '')
      return warn(
        `${variable} is not set, so the release was not announced`,
        `Set ${variable} to the URL of an incoming webhook; in promote.yml, the secret of that name.`,
      )
    const sender = { webhook, from: variable, clock, timeoutMs: sendMs, signal }
    await postToSlack(sender, announce(context))
    return pass(`${version} was announced`)
  },
}

/** Said before anything is changed, while the other checks run: how they end is told when they have. */
function announce({ environment, version, image, run, skipped, accepted }: CheckContext): SlackMessage {
  const { service, name } = environment
  const text = `${service} ${version} is about to be deployed to ${name}`
  const where = run.url === '' ? escapeMarkup(run.title) : `<${run.url}|${escapeMarkup(run.title)}>`
  const facts = [
    `by ${escapeMarkup(run.actor)}`,
    where,
    ...(image === '' ? [] : [`\`${escapeMarkup(image)}\``]),
  ]
  const exceptions = [...accepted.map(say('may fail')), ...skipped.map(say('is left out'))]
  return {
    text,
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: `*${escapeMarkup(text)}*` } },
      ...(exceptions.length === 0
        ? []
        : [
            {
              type: 'section' as const,
              text: { type: 'mrkdwn' as const, text: cutEnd(exceptions.join('\n'), 2_900) },
            },
          ]),
      { type: 'context', elements: [{ type: 'mrkdwn', text: facts.join(' · ') }] },
    ],
  }
}

function say(what: string): (waiver: Waiver) => string {
  return ({ id, reason }) => `:warning: \`${id}\` ${what}${reason === '' ? '' : `: ${escapeMarkup(reason)}`}`
}
