import { expect, test } from '@jest/globals'
import { url } from '../../../shared/commands/step/url-input.ts'

const parse = (text: string) => url('Where it is.').parse('url', text)

test('takes a URL without its trailing slashes, or nothing', () => {
  expect(parse('https://api.example.com/')).toBe('https://api.example.com')
  expect(parse('http://localhost:3001/base/')).toBe('http://localhost:3001/base')
  expect(parse('')).toBe('')
})

test.each([
  'api.example.com',
  'ftp://example.com',
  'http://',
  'http://x/?a=1',
  'http://x/#a',
  '-x',
  'http://x\n/',
])('refuses %j', text => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ name: 'InputError' }))
})

test('refuses a password without showing it', () => {
  expect(() => parse('https://me:hidden@example.com')).toThrow('url holds a user or a password')
  expect(() => parse('https://me:hidden@example.com')).not.toThrow('hidden')
})
