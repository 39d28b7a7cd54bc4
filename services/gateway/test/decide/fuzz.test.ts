import type { JsonObject } from '@bufbuild/protobuf';
import { invalid } from '@perennial/kernel';
import { withstands } from '@perennial/testkit';
import { expect, it } from 'vitest';
import { checkCallbackUrl } from '../../src/callbacks/address.js';
import { readLabels } from '../../src/decide/label-body.js';
import { readPredictBody } from '../../src/decide/predict-body.js';
import { readSubmissionBody } from '../../src/decide/submission-body.js';
import { parseTokens } from '../../src/decide/tokens-file.js';
import { readGraph } from '../../src/graph/graph-body.js';

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();

/** As the door does it: what is no JSON object never comes to a reader. */
function jsonOf(bytes: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(textOf(bytes));
  } catch (cause) {
    throw invalid('BODY_INVALID', 'no JSON', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('BODY_INVALID', 'no object');
  return value as JsonObject;
}

it.each([
  [
    'rows to predict',
    readPredictBody,
    '{"rows":[{"city":"SEA","temp":1.5,"at":null}],"explain":{"city":"x"}}',
  ],
  [
    'a request for later',
    readSubmissionBody,
    '{"rows":[{"a":1}],"decode":true,"callback":{"url":"https://example.org/x","secret":"whsec_aaaa"}}',
  ],
  [
    'labels',
    readLabels,
    '{"labels":[{"prediction_id":"0198c0de-0000-7000-8000-000000000000","ordinal":1,"value":2.5,"id":"x"}]}',
  ],
  [
    'a graph of models',
    readGraph,
    '{"steps":[{"name":"s","model":"m","inputs":{"x":"in"},"outputs":{"y":"out"}},{"name":"t","transform":"scale","parameters":[1]}],"outputs":["out"]}',
  ],
] as const)('%s are read or refused with the field', async (_what, read, seed) => {
  const seen = await withstands([seed, seed.replaceAll(',', ' , ')], (bytes) => read(jsonOf(bytes)));
  expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(0);
});

it("the operator's tokens and a caller's address to call back are read or refused", async () => {
  const tokens = `{"tokens":[{"name":"ann","tenant":"t","role":"admin","sha256":"${'a1'.repeat(32)}"}]}`;
  const file = await withstands([tokens], (bytes) => parseTokens(textOf(bytes)));
  const addresses = ['https://example.org:8443/hook?a=1', 'https://[2001:db8::1]/x', 'https://10.0.0.1/'];
  const urls = await withstands(addresses, (bytes) =>
    checkCallbackUrl(textOf(bytes), { allowPrivate: false }),
  );
  for (const seen of [file, urls]) expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(0);
});
