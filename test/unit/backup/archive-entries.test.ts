import { expect, test } from '@jest/globals'
import { selectEntries, type RestoredInto } from '../../../shared/backup/archive-entries.ts'

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
const select = (into: RestoredInto) => selectEntries(list, into, [{ schema: 'public', name: 'far' }])
const left = (into: RestoredInto) => {
  const numbers = new Set((select(into).list ?? list).split('\n').map(line => line.split(';')[0]))
  return list
    .split('\n')
    .map(line => line.split(';')[0] ?? '')
    .filter(number => number !== '' && !numbers.has(number))
}

test('a database that is to be used lacks what would act twice', () => {
  expect(left('live-server')).toEqual(['10', '11', '3346', '3347', '3340', '3341'])
  expect(select('live-server').leftOut).toEqual([
    { kind: 'extension', name: 'pg_cron' },
    { kind: 'subscription', name: 's' },
  ])
})

test('a copy lacks also what runs by itself or reads other servers', () => {
  expect(left('temporary-server')).toEqual([
    ...['10', '11', '3346', '3347', '3340', '3341', '3352', '3355', '3199', '3354'],
  ])
  expect(select('temporary-server').leftOut).toContainEqual({ kind: 'event trigger', name: 'watch ddl' })
  expect(select('temporary-server').leftOut).toContainEqual({ kind: 'remote view', name: 'public.far' })
})

test('a scratch database lacks also what names roles', () => {
  expect(left('scratch-database')).toEqual(expect.arrayContaining(['3350', '3351']))
})

test('an archive of which all is restored needs no list', () => {
  const plain = '; Archive\n215; 1259 40943 TABLE public SUBSCRIPTION - s postgres\n'
  expect(selectEntries(plain, 'scratch-database', [])).toEqual({ list: undefined, leftOut: [] })
})

test('a view is known by its name as pg_restore prints it, on one line', () => {
  const entry = '5; 0 1 MATERIALIZED VIEW DATA public two lines postgres'
  expect(
    selectEntries(entry, 'temporary-server', [{ schema: 'public', name: 'two\nlines' }]).leftOut,
  ).toEqual([{ kind: 'remote view', name: 'public.two lines' }])
})
