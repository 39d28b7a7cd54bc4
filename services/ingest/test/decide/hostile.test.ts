import { expect, test } from 'vitest';
import { ArrayItems } from '../../src/decide/json/array-items.js';
import { readBody, readEvents } from '../../src/decide/read-body.js';

const reading = { timeColumn: 'date', zone: undefined, arrivedAt: 0 };
const read = (text: string) => readBody(text, reading, (ordinal) => `r${ordinal}`);
const day = '"date":"2012-01-01"';
const nested = (open: string, close: string, depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`;

/** What is sent, and the code that refuses it. */
const refused: [what: string, text: string, code: RegExp][] = [
  ...[66, 100, 5_000].flatMap((depth): [string, string, RegExp][] => [
    [`arrays ${depth} deep`, `{${day},"a":${nested('[', ']', depth)}}`, /ROW_MALFORMED/],
    [`objects ${depth} deep`, `{${day},"a":${nested('{"a":', '}', depth)}}`, /ROW_MALFORMED/],
    [`an array ${depth} deep for a row`, nested('[', ']', depth), /ROW_MALFORMED/],
  ]),
  ['more text than a row may have', `{${day},"a":"${'x'.repeat(70_000)}"}`, /ROW_TOO_LARGE/],
  ['arrays without end', '['.repeat(60_000), /ROW_MALFORMED/],
  ...[
    'NaN',
    'Infinity',
    '-Infinity',
    '+1',
    '01',
    '1.',
    '.5',
    '0x10',
    '1_000',
    '1e',
    '--1',
    '١',
    'undefined',
    'TRUE',
    'None',
    'nan',
    '1e+',
    "'1'",
    '`1`',
    '1n',
  ].map((number): [string, string, RegExp] => [
    `${number} for a value`,
    `{${day},"a":${number}}`,
    /ROW_MALFORMED/,
  ]),
  ...[
    '1e999',
    '-1e999',
    '1e400',
    '9007199254740993',
    '-9007199254740993',
    '123456789012345678901234567891',
    `1${'0'.repeat(400)}`,
    '18446744073709551615',
    '[1,9007199254740993]',
    '{"b":1e999}',
  ].map((number): [string, string, RegExp] => [
    `${number.slice(0, 30)} for a number`,
    `{${day},"a":${number}}`,
    /ROW_NUMBER/,
  ]),
  ...['\\u0000', '\\ud800', '\\udc00', 'a\\ud800b', '\\udc00\\ud800'].map(
    (text): [string, string, RegExp] => [`${text} in a text`, `{${day},"a":"${text}"}`, /ROW_MALFORMED/],
  ),
  ...['\0', '\n', '\t', '\u001f'].map((text): [string, string, RegExp] => [
    `${JSON.stringify(text)} unescaped in a text`,
    `{${day},"a":"x${text}y"}`,
    /ROW_MALFORMED/,
  ]),
  ...[
    '',
    '__proto__',
    '_p_row_id',
    '_p_event_time',
    '_p_x',
    'a\\u0000',
    'a\\n',
    '\\u007f',
    '\\ud800',
    'x'.repeat(129),
  ].map((name): [string, string, RegExp] => [
    `a column named "${name.slice(0, 20)}"`,
    `{${day},"${name}":1}`,
    /ROW_COLUMN_NAME/,
  ]),
  ['columns that differ by case alone', `{${day},"a":1,"A":2}`, /ROW_COLUMN_NAME/],
  ['the time column in two cases', `{${day},"Date":1}`, /ROW_COLUMN_NAME/],
  ...[
    `{${day},"a":1,"a":2}`,
    `{${day},"a":1,"\\u0061":2}`,
    `{${day},"a" :1,"a":2}`,
    `{${day},"a":1,"a"\t: 1}`,
    `{${day},${day}}`,
    `{${day},"b":{"a":1,"a":2}}`,
    `{${day},"b":[{"a":1,"a":2}]}`,
    `{${day},"":1,"":2}`,
    `{${day},"a":"\\":","a":":"}`,
    `{${day},"__proto__":1,"__proto__":2}`,
  ].map((text): [string, string, RegExp] => [
    `a member twice: ${text.slice(20)}`,
    text,
    /ROW_MALFORMED|ROW_COLUMN_NAME/,
  ]),
  ...['null', '1', '"a"', 'true', '[[]]', '[1]', '[null]', '["a"]', '{}', '[{}]', '[[{"date":1}]]'].map(
    (text): [string, string, RegExp] => [`${text} for a row`, text, /ROW_MALFORMED/],
  ),
  ...[
    `{${day},}`,
    `{${day}},`,
    `{${day}}}`,
    `{${day}} x`,
    `{${day},"a":[1,]}`,
    `{${day},"a":[,1]}`,
    `{${day},"a":1 "b":2}`,
    `{${day},"a"=1}`,
    `{${day},a:1}`,
    `{${day},'a':1}`,
    `{${day},"a":1;}`,
    `// x\n`,
    `{/* */${day}}`,
    `[{${day}},]`,
    `[,{${day}}]`,
    `[{${day}}]]`,
    `[{${day}}`,
    `[{${day}} {${day}}]`,
    `{${day},"a":"\\x41"}`,
    `{${day},"a":"\\u12"}`,
    `{${day},"a":"${'\\'}`,
  ].map((text): [string, string, RegExp] => [`no JSON: ${text.slice(0, 40)}`, text, /ROW_MALFORMED/]),
  ...[
    '"2012-13-01"',
    '"2012-00-01"',
    '"2012-01-32"',
    '"2012-1-1"',
    '"01/02/2012"',
    '"2012-01-01T25:00:00Z"',
    '"2012-01-01T12:61:00Z"',
    '"2012-01-01T12:00:00+25:00"',
    '"today"',
    '""',
    'null',
    'true',
    '[]',
    '{}',
    '1e300',
    '-1e300',
    '"+012012-01-01"',
    '"-000001-01-01"',
    '"0000-01-01"',
    '"2012-01-01 "',
    '" 2012-01-01"',
    '"2012-01-01T"',
    '"2012-W01-1"',
    '"2012-001"',
    '"20120101"',
    '"１２-01-01"',
    '"2012-02-30"',
    '"2012-02-31T00:00:00Z"',
    '"2011-02-29"',
    '"2012-04-31 10:00"',
  ].map((time): [string, string, RegExp] => [`${time} for a time`, `{"date":${time}}`, /ROW_EVENT_TIME/]),
  ['no time', '{"a":1}', /ROW_EVENT_TIME/],
  [
    'more columns than a row may have',
    `{${day},${Array.from({ length: 1_000 }, (_, i) => `"c${i}":1`).join()}}`,
    /ROW_TOO_WIDE/,
  ],
];

test.each(refused)('%s is refused with its reason, and does not stop its neighbour', (_what, text, code) => {
  const { rows, refused } = read(text);
  expect(rows).toEqual([]);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]?.error.code).toMatch(code);
  expect(refused[0]?.error.fault).toBe('caller');
  if (/[\n[\]]/.test(text.trim()[0] ?? '') || text.includes('\n')) return;
  const both = read(`${text}\n{${day},"next":1}\n{${day},"after":2}`);
  expect(both.rows.map((row) => Object.keys(row.values)[1])).toEqual(['next', 'after']);
});

const whole = '{"date":"2012-01-01","a":[1,{"b":"\\u00e9"}],"c":-1.5e3}';
test.each(Array.from({ length: whole.length - 1 }, (_, at) => at + 1))(
  'a row cut off after %i characters is refused',
  (at) => {
    const { rows, refused } = read(whole.slice(0, at));
    expect(rows).toEqual([]);
    expect(refused.map(({ error }) => error.code)).toEqual(['ROW_MALFORMED']);
  },
);

/** What looks hostile and is data. */
const kept: [what: string, member: string, cell: unknown][] = [
  ...[
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'valueOf',
    '__defineGetter__',
    'length',
    'then',
    'toJSON',
  ].map((name): [string, string, unknown] => [name, `"${name}":1`, 1]),
  ['a column of 128 characters', `"${'x'.repeat(128)}":1`, 1],
  ['a prototype within a value', '"a":{"__proto__":{"x":1}}', '{"__proto__":{"x":1}}'],
  ['SQL in a text', `"a":"'; drop table row; --"`, "'; drop table row; --"],
  ['quotes before colons in a text', '"a":"\\":\\":"', '":":'],
  ['many digits in a text', '"a":"12345678901234567890"', '12345678901234567890'],
  ['2^53 exactly', '"a":9007199254740992', 9007199254740992],
  ['a large power of two', '"a":1152921504606846976', 2 ** 60],
  ['the largest double', '"a":1.7976931348623157e308', Number.MAX_VALUE],
  ['the least double', '"a":5e-324', 5e-324],
  ['a negative nought', '"a":-0', -0],
  ['arrays 60 deep', `"a":${nested('[', ']', 60)}`, nested('[', ']', 60)],
  ['an emoji as a pair of escapes', '"a":"\\ud83d\\ude00"', '😀'],
  ['a right-to-left mark', '"a":"\\u202e"', '\u202e'],
  ['a noncharacter', '"a":"\\uffff"', '\uffff'],
];
test.each(kept)('%s is data and kept as it is', (_what, member, cell) => {
  const { rows, refused } = read(`{${day},${member}}`);
  expect(refused).toEqual([]);
  expect(Object.values(rows[0]?.values ?? {})[1]).toBe(cell);
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
});

const attributes = { specversion: '1.0', id: '1', source: 's', type: 't', data: { date: '2012-01-01' } };
const badEvents: [what: string, event: unknown][] = [
  ...Object.keys(attributes).map((name): [string, unknown] => [
    `no ${name}`,
    { ...attributes, [name]: undefined },
  ]),
  ...['id', 'source', 'type'].flatMap((name): [string, unknown][] =>
    ['', 1, null, {}].map((value) => [
      `${JSON.stringify(value)} for its ${name}`,
      { ...attributes, [name]: value },
    ]),
  ),
  ['another version', { ...attributes, specversion: '0.3' }],
  ['XML data', { ...attributes, datacontenttype: 'application/xml', data: '<a/>' }],
  ['data twice', { ...attributes, data_base64: 'e30=' }],
  ['no base64', { ...attributes, data: undefined, data_base64: '!' }],
  ['bytes that are no JSON', { ...attributes, data: undefined, data_base64: '/////w==' }],
  ['a number for its time', { ...attributes, time: 5 }],
  ['a text for its data', { ...attributes, data: 'x' }],
  ['an array of texts', { ...attributes, data: ['x'] }],
  ['a list for an event', []],
  ['a text for an event', 'x'],
];
test.each(badEvents)('a CloudEvent with %s is refused', (_what, event) => {
  const { rows, refused } = readEvents(JSON.stringify(event), reading);
  expect(rows).toEqual([]);
  if (!Array.isArray(event)) expect(refused[0]?.error.code).toMatch(/CLOUDEVENT_INVALID|ROW_MALFORMED/);
});

test('an array gives the same elements whatever pieces it comes in', () => {
  const text = '[ {"a":"]\\"}"},\n[1,[2]], "x,\\\\", 3 ,null,{"b":{"c":"\\ud83d😀"}} ] ';
  const whole = [...new ArrayItems(100).add(text)].map((item) => item.text);
  expect(whole).toEqual(JSON.parse(text).map((_: unknown, i: number) => whole[i]));
  expect(whole.map((one) => JSON.parse(one))).toEqual(JSON.parse(text));
  for (let size = 1; size < text.length; size++) {
    const items = new ArrayItems(100);
    const found: string[] = [];
    for (let at = 0; at < text.length; at += size)
      for (const item of items.add(text.slice(at, at + size))) found.push(item.text);
    items.end();
    expect(found).toEqual(whole);
  }
});
