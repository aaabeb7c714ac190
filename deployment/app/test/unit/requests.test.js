import assert from 'node:assert/strict'
import { test } from 'node:test'

import { HttpError } from '../../src/errors.js'
import { callerId, issueToken } from '../../src/identity.js'
import { findRoute } from '../../src/router.js'
import { newUser, page, userId } from '../../src/validation.js'

const handle = () => ({ status: 200 })
const ROUTES = [
  { method: 'GET', path: '/users', handle },
  { method: 'POST', path: '/users', handle },
  { method: 'GET', path: '/users/:id', handle },
]

/** @param {() => unknown} action @returns {HttpError} */
function refusal(action) {
  try {
    action()
  } catch (error) {
    assert(error instanceof HttpError)
    return error
  }
  throw new assert.AssertionError({ message: 'expected a refusal' })
}

test('a route is found by method and path, HEAD counts as GET', () => {
  assert.equal(findRoute(ROUTES, 'POST', '/users').route, ROUTES[1])
  assert.equal(findRoute(ROUTES, 'HEAD', '/users').route, ROUTES[0])
  assert.deepEqual(findRoute(ROUTES, 'GET', '/users/7').params, { id: '7' })
})

test('an unknown path is 404, a known one with another method 405 with what it takes', () => {
  for (const path of ['/', '/users/', '/users/7/x', '/Users', '//users']) {
    assert.equal(refusal(() => findRoute(ROUTES, 'GET', path)).status, 404, path)
  }
  const { status, headers } = refusal(() => findRoute(ROUTES, 'PUT', '/users'))
  assert.deepEqual([status, headers], [405, { allow: 'GET, POST' }])
})

test('a new user has an email address and a name, and nothing else', () => {
  assert.deepEqual(newUser({ email: 'a@b.co', name: ' Ann ' }), { email: 'a@b.co', name: 'Ann' })
  assert.deepEqual(refusal(() => newUser({ email: 'a@b', name: '', admin: true })).details, [
    '"admin" is not a field of a user',
    'email must be an email address of 254 characters at most',
    'name must have 1 to 100 characters, on one line',
  ])
  for (const body of [null, [], 'text', 7]) assert.equal(refusal(() => newUser(body)).status, 400)
  assert.equal(refusal(() => newUser({ email: 'a@b.co', name: 'a\u0000b' })).status, 400)
})

test('a page is bounded', () => {
  const of = (/** @type {string} */ query) => page(new URLSearchParams(query))
  assert.deepEqual(of(''), { after: 0, limit: 20 })
  assert.deepEqual(of('after=7&limit=100'), { after: 7, limit: 100 })
  for (const query of ['limit=0', 'limit=101', 'limit=x', 'after=-1', 'after=1e3']) {
    assert.equal(refusal(() => of(query)).status, 400, query)
  }
})

test('an id is a positive whole number that JavaScript can hold', () => {
  assert.equal(userId('42'), 42)
  for (const id of ['0', '-1', '1.5', 'x', '9999999999999999', '1;drop']) {
    assert.equal(refusal(() => userId(id)).status, 400, id)
  }
})

test('a token says who calls, until it expires', () => {
  const authorization = `Bearer ${issueToken(7, 'secret', 1_000)}`
  assert.equal(callerId(authorization, 'secret', 1_001), 7)
  assert.equal(refusal(() => callerId(authorization, 'secret', 1_000 + 3_600)).status, 401)
  assert.equal(refusal(() => callerId(authorization, 'another', 1_001)).status, 401)
})

test('a forged token is refused', () => {
  const encode = (/** @type {object} */ value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const [header, claims, signature] = issueToken(7, 'secret', 1_000).split('.')
  const forged = [
    `${header}.${encode({ sub: '8', exp: 9e9 })}.${signature}`,
    `${encode({ alg: 'none', typ: 'JWT' })}.${claims}.`,
    `${header}.${claims}`,
    `${header}.${claims}.${signature}x`,
    '',
  ]
  for (const token of forged)
    assert.equal(refusal(() => callerId(`Bearer ${token}`, 'secret', 1_001)).status, 401, token)
  assert.equal(refusal(() => callerId(undefined, 'secret')).status, 401)
  assert.equal(refusal(() => callerId('Basic abc', 'secret')).status, 401)
})
