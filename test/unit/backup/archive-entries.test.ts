import { expect, test } from '@jest/globals'
import { selectEntries, type Dumped, type RestoredInto } from '../../../shared/backup/dump/archive-entries.ts'

const list = `;
; Archive created at 2026-11-30 14:29:10 UTC
;     TOC Entries: 14
;
216; 1255 40950 FUNCTION public note_ddl() postgres
2036; 2328 40960 FOREIGN DATA WRAPPER - w cdc
215; 1259 40943 TABLE public orders postgres
10; 3079 40999 EXTENSION - pg_cron postgres
11; 0 0 COMMENT - EXTENSION pg_cron postgres
12; 3079 41999 EXTENSION - pg_cronology postgres
20; 1259 41010 MATERIALIZED VIEW public far postgres
3345; 0 40943 TABLE DATA public orders postgres
3346; 0 41001 TABLE DATA cron job postgres
3347; 0 0 SEQUENCE SET cron jobid_seq postgres
3201; 2606 40949 CONSTRAINT public orders orders_pkey postgres
3340; 6100 40959 SUBSCRIPTION - s postgres
3341; 0 0 COMMENT - SUBSCRIPTION s postgres
3350; 3256 41020 POLICY public orders own postgres
3351; 1418 41021 USER MAPPING - USER MAPPING app SERVER other postgres
3352; 0 0 SECURITY LABEL public TABLE orders postgres
3355; 0 41010 MATERIALIZED VIEW DATA public far postgres
3356; 0 41011 MATERIALIZED VIEW DATA public farther postgres
3199; 3466 40951 EVENT TRIGGER - watch ddl cdc
3354; 0 0 COMMENT - EVENT TRIGGER watch ddl cdc
`
const facts: Dumped = {
  extensions: [
    { name: 'pg_cron', version: '1', schema: 'pg_catalog' },
    { name: 'pg_cronology', version: '1', schema: 'public' },
  ],
  beyond: {
    subscriptions: [],
    slots: [],
    superuserOwned: [],
    backgroundExtensions: [],
    remoteViews: [{ schema: 'public', name: 'far' }],
  },
}
const select = (into: RestoredInto) => selectEntries(list, into, facts, new Set(['pg_cronology']))
const numbersOf = (text: string) =>
  text
    .split('\n')
    .filter(line => /^\d/.test(line))
    .map(line => line.split(';')[0])
const left = (into: RestoredInto) => {
  const numbers = new Set(numbersOf(select(into).list ?? list))
  return numbersOf(list).filter(number => !numbers.has(number))
}
const nothing: Dumped = { extensions: [] }
const acting = ['10', '11', '3346', '3347', '3340', '3341']

test('a database that is to be used lacks what would act twice', () => {
  expect(left('live-server')).toEqual(acting)
  expect(select('live-server').leftOut).toEqual([
    { kind: 'extension', name: 'pg_cron' },
    { kind: 'subscription', name: 's' },
  ])
  expect(select('live-server').extensions).toEqual([])
})

test('a copy lacks also what runs by itself, reads other servers or takes a superuser', () => {
  expect(left('temporary-server')).toEqual([
    ...['2036', '10', '11', '3346', '3347', '3340', '3341', '3351', '3352', '3355', '3199', '3354'],
  ])
  const { leftOut, extensions } = select('temporary-server')
  expect(leftOut).toContainEqual({ kind: 'event trigger', name: 'watch ddl' })
  expect(leftOut).toContainEqual({ kind: 'remote view', name: 'public.far' })
  expect(leftOut).toContainEqual({ kind: 'superuser object', name: 'foreign data wrapper w' })
  expect(extensions).toEqual([{ name: 'pg_cronology', schema: 'public' }])
})

test('a scratch database lacks also what names roles', () => {
  expect(left('scratch-database')).toEqual(expect.arrayContaining(['3350', '3351']))
})

const dependent = `11; 2615 17624 SCHEMA - ext postgres
3; 3079 17625 EXTENSION - cube${' '}
;\tdepends on: 11
7; 3079 17626 EXTENSION - plpython3u${' '}
985; 0 0 SHELL TYPE public money2 postgres
351; 1255 17767 FUNCTION public money2_in(cstring) postgres
;\tdepends on: 985
984; 1247 17766 TYPE public money2 postgres
;\tdepends on: 351
222; 1259 17770 TABLE public odd name postgres
;\tdepends on: 984
223; 1259 17771 TABLE public orders postgres
;\tdepends on: 3
3555; 0 17770 TABLE DATA public odd name postgres
;\tdepends on: 222
400; 1255 17790 FUNCTION public in_python() postgres
;\tdepends on: 7
401; 1255 17791 FUNCTION public in_c() postgres
3409; 2620 17787 TRIGGER public orders t postgres
;\tdepends on: 223 401
`

test('what depends on what takes a superuser is left out of a copy, and named', () => {
  const dumped: Dumped = {
    extensions: [
      { name: 'cube', version: '1', schema: 'ext' },
      { name: 'plpython3u', version: '1', schema: 'pg_catalog' },
    ],
    beyond: {
      subscriptions: [],
      slots: [],
      superuserOwned: [],
      backgroundExtensions: [],
      remoteViews: [],
      superuserOnly: ['1255 17791'],
    },
  }
  const {
    list: kept = '',
    leftOut,
    extensions,
  } = selectEntries(dependent, 'temporary-server', dumped, new Set(['cube']))
  expect(numbersOf(kept)).toEqual(['3', '223'])
  expect(extensions).toEqual([{ name: 'cube', schema: 'ext' }])
  expect(leftOut).toEqual([
    { kind: 'extension', name: 'plpython3u' },
    { kind: 'superuser object', name: 'function public.money2_in(cstring)' },
    { kind: 'superuser object', name: 'type public.money2' },
    { kind: 'table', name: 'public.odd name' },
    { kind: 'superuser object', name: 'function public.in_python()' },
    { kind: 'superuser object', name: 'function public.in_c()' },
    { kind: 'superuser object', name: 'trigger public.orders t' },
  ])
  expect(selectEntries(dependent, 'live-server', dumped, new Set()).list).toBeUndefined()
})

test('an archive of which all is restored needs no list', () => {
  const plain = '; Archive\n215; 1259 40943 TABLE public SUBSCRIPTION - s postgres\n'
  expect(selectEntries(plain, 'scratch-database', nothing, new Set())).toEqual({
    list: undefined,
    leftOut: [],
    extensions: [],
  })
})

test('a view is known by its name as pg_restore prints it, on one line', () => {
  const entry = '5; 0 1 MATERIALIZED VIEW DATA public two lines postgres'
  const beyond = {
    ...facts.beyond,
    remoteViews: [{ schema: 'public', name: 'two\nlines' }],
  } as Dumped['beyond']
  expect(selectEntries(entry, 'temporary-server', { extensions: [], beyond }, new Set()).leftOut).toEqual([
    { kind: 'remote view', name: 'public.two lines' },
  ])
})
