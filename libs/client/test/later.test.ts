import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Perennial } from '../src/mod.js';

const asked: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = [];
let looks = 0;
let client: Perennial;
let stop = () => {};

beforeAll(async () => {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method = '', url = '', headers } = request;
    asked.push({ method, url, headers, body });
    if (url.endsWith('/result')) return response.end('a,prediction\n1,2\n');
    const state = method === 'GET' && ++looks > 2 ? 'completed' : 'running';
    return response.end(JSON.stringify({ id: 'b1', kind: 'batch', state, rows: { done: looks } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = new Perennial({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: 't' });
  stop = () => server.close();
});
afterAll(() => stop());

test('a batch is sent with its form, looked at until it has ended, and fetched', async () => {
  const batch = await client.later.batch('heat', 'a\n1\n', { format: 'csv', errorsMax: 5 });
  expect(asked[0]).toMatchObject({
    method: 'POST',
    url: '/v1/systems/heat/batches?format=csv&errors-max=5',
    body: 'a\n1\n',
  });
  const seen: number[] = [];
  const ended = await client.later.untilEnded(batch, ({ rows }) => seen.push(rows.done));
  expect([ended.state, seen]).toEqual(['completed', [1, 2, 3]]);
  expect(await new Response(await client.later.result('b1')).text()).toBe('a,prediction\n1,2\n');
});

test('a request carries its options, its callback and its key; labels go as they are', async () => {
  asked.length = 0;
  const callback = { url: 'https://desk.example/hook' };
  await client.later.request('heat', [{ outside: 1 }], { explain: true, callback, idempotencyKey: 'k1' });
  expect(asked[0]?.headers['idempotency-key']).toBe('k1');
  expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ rows: [{ outside: 1 }], explain: true, callback });
  await client.label([{ prediction_id: 'p1', value: 3 }]);
  expect(JSON.parse(asked[1]?.body ?? '')).toEqual({ labels: [{ prediction_id: 'p1', value: 3 }] });
});
