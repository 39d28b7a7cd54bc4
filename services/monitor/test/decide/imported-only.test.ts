import { expect, test } from 'vitest';
import { isImportedOnly } from '../../src/decide/imported-only.js';

const imported =
  '{"predictionId":"p","system":"m","deployment":"m","status":"OK","imported":true,"replica":"r"';
const withRows = `${imported},"rows":[{"key":{},"features":{"x":1,"imported":true},"answers":[{"version":1}]}]}`;
const own = '{"predictionId":"p","system":"m","status":"OK"';

const said = (...events: string[]) => isImportedOnly(Buffer.from(`{"predictions":[${events.join(',')}]}`));

test('a message whose predictions are all of imported models need not be read', () => {
  expect(said(`${imported}}`)).toBe(true);
  expect(said(`${imported}}`, withRows, `${imported}}`)).toBe(true);
});

test.each([
  ['one of a system between others', [`${imported}}`, `${own}}`, `${imported}}`]],
  ['one of a system at the end', [`${imported}}`, `${own}}`]],
  ['a column of that name', [`${own},"rows":[{"features":{"imported":true}}]}`]],
  ['a text that says so', [`${own},"caller":${JSON.stringify('"imported":true')}}`]],
  ['a row that looks like another', [`${imported},"rows":[{"key":{"predictionId":"x"}}]}`]],
  ['false', [`${own},"imported":false}`]],
  ['nothing', []],
])('%s: it has to be read', (_what, events) => {
  expect(said(...events)).toBe(false);
});

test('what is not as the gateway writes it has to be read', () => {
  for (const text of ['', '{}', 'x', `${imported}}`, '{"predictions":[{"imported":true}]}'])
    expect(isImportedOnly(Buffer.from(text))).toBe(false);
});
