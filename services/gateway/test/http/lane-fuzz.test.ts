import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { conversation, type Echo, openEcho } from './two-servers.js';

let fast: Echo;
let slow: Echo;
/** Nobody is behind its lane: what it does not answer is kept. */
let left: Echo;

beforeAll(async () => {
  [fast, slow, left] = await Promise.all([openEcho('lane'), openEcho('node'), openEcho('lane alone')]);
});

afterAll(async () => {
  await Promise.all([fast?.close(), slow?.close(), left?.close()]);
});

const infer = 'POST /v2/models/heat/infer HTTP/1.1';
const usual = ['host: here', 'authorization: Bearer x'];
const request = (line: string, headers: readonly string[], body = '') =>
  `${[line, ...headers].join('\r\n')}\r\n\r\n${body}`;
const plain = (body: string, ...more: string[]) =>
  request(infer, [...usual, ...more, `content-length: ${body.length}`], body);

/** Ways of writing a request that servers have disagreed about, and plain ones between them. */
const odd: readonly string[] = [
  plain('{"inputs":[]}'),
  plain('{"a":1}', 'x-more: 1', 'connection: keep-alive'),
  plain('{}', 'Content-Type:application/json', 'Accept-Encoding: gzip'),
  plain('z', 'x-more: \x80é'),
  plain('z', 'x-more: a\tb'),
  plain('z', 'x-more:   spaced   '),
  plain('z', 'x-more:'),
  plain('z', 'x-more : 1'),
  plain('z', ' x-more: 1'),
  plain('z', 'x-more: 1', '\tfolded'),
  plain('z', 'x-more: 1\nx-less: 2'),
  plain('z', 'x-more: 1\rx-less: 2'),
  plain('z', 'x-more: \0'),
  plain('z', 'x_more: 1'),
  plain('z', 'x-more: 1', 'X-More: 2'),
  plain('z', 'host: there'),
  plain('z', 'authorization: Bearer y'),
  plain('z', 'connection: close'),
  plain('z', 'connection: Keep-Alive, x-more'),
  plain('z', 'proxy-connection: close'),
  plain('z', 'expect: 100-continue'),
  plain('z', 'expect: the worst'),
  plain('z', 'upgrade: h2c', 'connection: upgrade'),
  plain('z', 'transfer-encoding: chunked'),
  plain('z', 'transfer-encoding: identity'),
  plain('z', 'te: trailers'),
  plain('z', 'content-length: 1'),
  plain('z', 'content-length: 2'),
  request(infer, [...usual, 'transfer-encoding: chunked'], '3\r\nabc\r\n0\r\n\r\n'),
  request(infer, [...usual, 'transfer-encoding: chunked'], '3;x=y\r\nabc\r\n0\r\nx-more: 1\r\n\r\n'),
  request(infer, [...usual, 'transfer-encoding: chunked', 'content-length: 3'], '3\r\nabc\r\n0\r\n\r\n'),
  ...['+3', '-3', '0x3', '3 ', '3,3', '03', '3.0', '', '0', '1e1', '99999999999999999999'].map((length) =>
    request(infer, [...usual, `content-length: ${length}`], 'abc'),
  ),
  request(infer, usual),
  request(infer, ['authorization: Bearer x', 'content-length: 3'], 'abc'),
  request(infer, ['host: here', 'content-length: 3'], 'abc'),
  ...[
    'POST  /v2/models/heat/infer HTTP/1.1',
    'POST /v2/models/heat/infer  HTTP/1.1',
    'POST /v2/models/heat/infer HTTP/1.0',
    'POST /v2/models/heat/infer HTTP/2.0',
    'POST /v2/models/heat/infer',
    'post /v2/models/heat/infer HTTP/1.1',
    'POST /v2/models/heat/infer?x=1 HTTP/1.1',
    'POST /v2/models/he%61t/infer HTTP/1.1',
    'POST /v2/models/../infer HTTP/1.1',
    'POST /v2/models/heat/versions/2/infer HTTP/1.1',
    'POST http://here/v2/models/heat/infer HTTP/1.1',
    'PUT /v2/models/heat/infer HTTP/1.1',
  ].map((line) => request(line, [...usual, 'content-length: 3'], 'abc')),
  request('GET /v2/models/heat HTTP/1.1', usual),
  `\r\n${plain('abc')}`,
  plain('abc').replaceAll('\r\n', '\n'),
  `${infer}\r\n`,
  'POST /v2/models/',
  '\0',
];

function pieces(text: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  const at = [...new Set(cuts.map((cut) => cut % Math.max(1, bytes.length)))].sort((a, b) => a - b);
  return [0, ...at]
    .map((from, index) => bytes.subarray(from, at[index] ?? bytes.length))
    .filter(({ length }) => length > 0);
}

const answersIn = (said: string) => said.split(/(?=HTTP\/1\.1 \d\d\d )/).filter((answer) => answer !== '');

const bySingle = (text: string) =>
  conversation(
    slow.port,
    [...text].map((character) => Buffer.from(character, 'latin1')),
  ).then(answersIn);

test.each(odd)('the lane has %j answered as node:http alone does, between plain requests', async (text) => {
  const whole = [plain('before'), text, plain('behind')].map((part) => Buffer.from(part, 'latin1'));
  const [there, here] = await Promise.all([slow, fast].map(({ port }) => conversation(port, whole)));
  expect(here).toBe(there);
});

/**
 * What node:http makes of these bytes, one at a time, is what they mean. What the lane answers of them, wherever they are
 * cut, must be the same; where it stops a request must begin for node:http too; and all that follows must be handed over.
 */
async function expectNoOtherMeaning(text: string, cuts: readonly number[]): Promise<void> {
  const before = { ...left.asked };
  const [there, here] = await Promise.all([
    bySingle(text),
    conversation(left.port, pieces(text, cuts)).then(answersIn),
  ]);
  const byLane = left.asked.lane - before.lane;
  expect(here).toEqual(there.slice(0, byLane));
  if (left.asked.node === before.node) {
    expect(byLane).toBe(there.length);
    return;
  }
  const rest = left.takeUnread();
  expect(text.endsWith(rest)).toBe(true);
  expect(there.slice(byLane)).toEqual(await bySingle(rest));
}

test('whatever is changed in a stream of requests and wherever it is cut, the lane reads nothing else in it than node:http', async () => {
  const change = fc.tuple(
    fc.nat(),
    fc.constantFrom('', '\r', '\n', '\r\n', ' ', ':', '\t', '\0', '0', ',', 'é'),
    fc.nat(3),
  );
  const streams = fc.record({
    texts: fc.array(
      fc.oneof({ weight: 2, arbitrary: fc.constant(plain('{"inputs":[1]}')) }, fc.constantFrom(...odd)),
      {
        minLength: 1,
        maxLength: 6,
      },
    ),
    changes: fc.array(change, { maxLength: 2 }),
    cuts: fc.array(fc.nat(), { maxLength: 6 }),
  });
  await fc.assert(
    fc.asyncProperty(streams, async ({ texts, changes, cuts }) => {
      let text = texts.join('');
      for (const [place, put, dropped] of changes) {
        const at = place % text.length;
        text = text.slice(0, at) + put + text.slice(at + dropped);
      }
      await expectNoOtherMeaning(text, cuts);
    }),
    { numRuns: 300 },
  );
  // Both ways were gone.
  expect(left.asked.lane).toBeGreaterThan(50);
  expect(left.asked.node).toBeGreaterThan(50);
});
