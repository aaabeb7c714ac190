import { describe, expect, test } from '@jest/globals'
import { scanEnvLines } from '../../../shared/config/env-file/env-lines.ts'

const found = (text: string) =>
  scanEnvLines(text).faults.map(({ line, key, weight, fault }) => `${line} ${key} ${weight}: ${fault}`)

const account = '{"type":"service_account","key":"a\\nb"}'

describe('a backslash that programs read differently', () => {
  test.each([
    [`A="${account.replaceAll('"', '\\"')}"`, 'has \\" between double quotes'],
    ['A="C:\\new\\report"', 'has \\r between double quotes'],
    ['A="C:\\new"', 'has \\n between double quotes'],
    ['A="pa\\$sword"', 'has \\$ between double quotes'],
    ['A="pa\\`sword"', 'has \\` between double quotes'],
    ['A="DOMAIN\\\\user"', 'has \\\\ between double quotes'],
    ['A="C:\\dir\\"', 'ends with a backslash before its closing quote'],
    ["A='it\\'s'", "has \\' between single quotes"],
    ['A=C:\\new\\report', 'has a backslash without quotes around it'],
    ['A=one\\', 'ends with a backslash, with which a shell joins the next line'],
  ])('%j is a fault', (line, fault) => {
    expect(found(`FIRST=1\n${line}\nLAST=1`)).toEqual([expect.stringContaining(`2 A fault: ${fault}`)])
  })

  test.each([
    ['A="first\\nsecond"', 'has \\n between double quotes'],
    ['A="a\\tb"', 'has \\t between double quotes, which compose makes a control character'],
    ["A='C:\\dir\\'", 'ends with a backslash before its closing quote, which compose'],
    ['A={"on":true}', 'has quotes inside, which a shell takes away'],
  ])('%j is a note', (line, fault) => {
    expect(found(line)).toEqual([expect.stringContaining(`1 A note: ${fault}`)])
  })

  test.each([
    `A='${account}'`,
    "A='C:\\new\\report'",
    "A='pa$$w`ord$(x)${Y}'",
    'A="-----BEGIN PRIVATE KEY-----\\nMC4CAQ==\\n-----END PRIVATE KEY-----\\n"',
    'A="plain # text"',
  ])('%j is read alike', line => {
    expect(found(line)).toEqual([])
  })
})

describe('a dollar', () => {
  const keys = 'DB_USER=me\nDB_PASS=s3cret\n'

  test.each([
    ['A=postgres://$DB_USER:$DB_PASS@db/app', 'refers to DB_USER, another key of the file'],
    ['A="$DB_PASS"', 'refers to DB_PASS, another key of the file'],
    ['A=${ANY}', 'refers to ANY, which nothing fills in here'],
    ['A=${ANY:-default}', 'refers to ANY with what to take otherwise'],
    ['A="${ANY:?no value}"', 'refers to ANY with what to take otherwise'],
    ['A=${ANY-x}', 'refers to ANY with what to take otherwise'],
    ['A=pa$$word', 'has $$, which compose makes one $'],
    ['A=$(hostname)', 'has $(...), a command'],
    ['A="on `hostname`"', 'has a command between backticks'],
    ['A=`hostname`', 'is between backticks'],
  ])('%j is reported, with the name and without the value', (line, fault) => {
    const [only, ...more] = scanEnvLines(keys + line).faults
    expect([`${only?.line} ${only?.key} ${only?.weight}`, more]).toEqual(['3 A fault', []])
    expect(only?.fault).toContain(fault)
    expect(`${only?.fault} ${only?.remedy}`).not.toMatch(/default|no value|hostname|postgres/)
  })

  test.each([
    'A=$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW',
    'A=$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG',
    'A=pa$sword',
    'A=$DB_USERNAME',
    'A=money$',
    'A="5 $"',
    "A='postgres://$DB_USER:$DB_PASS@db/app'",
    "A='$$ ${DB_USER} $(id) `id`'",
  ])('%j is no reference', line => {
    expect(found(keys + line)).toEqual([])
  })
})

test('a line that dotenv does not read is distinguished from one that it reads', () => {
  expect(found('A=1\nwhat is this\nB: 2\n{ "C": 1 }\nmy-key=1')).toEqual([
    '2  unread: is not KEY=value',
    '3  fault: is not KEY=value',
    '4  unread: is not KEY=value',
    '5  fault: is not KEY=value',
  ])
})
