import { checksOf } from '../../config/checks.ts'
import { holdsPlaceholder } from '../../config/env-file/placeholders.ts'
import { fail, pass, warn, type Check } from '../check.ts'

/** Domains of RFC 2606, numbers of the films, and digits in a row: where no person answers. */
const unreachable = /\bexample\.(?:com|org|net)\b/i
const noNumber = /55501\d\d$|(\d)\1{5,}|123456/

/** The engineer on call can be reached when the release goes wrong. */
export const onCall: Check = {
  id: 'on-call',
  title: 'An engineer is on call, and can be reached',
  inapplicable: () => '',
  run({ environment }) {
    const people = checksOf(environment).onCall
    const unreachable = people.filter(({ name, contact }) => !isPerson(name) || !isContact(contact))
    if (people.length === 0)
      return Promise.resolve(
        warn(
          `the runbook names no contact for ${environment.name}`,
          `Add checks.on-call to ${environment.name} in the runbook: a name and a contact for each, first to last.`,
        ),
      )
    if (unreachable.length > 0) {
      const said = unreachable.map(({ name, contact }) => `${name}: ${contact}`).join(', ')
      return Promise.resolve(
        fail(
          `no person is reached by ${said}`,
          'Put a real name there, and a phone number with its country (+49 ...), mail address, URL, #channel or @user.',
        ),
      )
    }
    return Promise.resolve(pass(people.map(({ name, contact }) => `${name} (${contact})`).join(', ')))
  },
}

/** Texts that stand in the place of a name. */
const noName = /^(name|some(body|one)|no(body)|john doe|jane doe)$/i

function isPerson(name: string): boolean {
  return !holdsPlaceholder(name) && !noName.test(name.trim())
}

function isContact(contact: string): boolean {
  if (holdsPlaceholder(contact) || unreachable.test(contact)) return false
  const digits = contact.replaceAll(/\D/g, '')
  if (/^(tel:)?\+?[\d\s()/.-]+$/.test(contact)) return digits.length >= 7 && !noNumber.test(digits)
  return /^[^\s@]+@[^\s@]+\.[a-z]{2,}$/i.test(contact) || /^[#@][\w.-]+$/.test(contact) || isUrl(contact)
}

function isUrl(text: string): boolean {
  return ['http:', 'https:', 'tel:', 'mailto:', 'sip:'].includes(URL.parse(text)?.protocol ?? '')
}
