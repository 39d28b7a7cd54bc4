import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { freePort } from '@perennial/testkit';
import { afterEach, expect, test } from 'vitest';
import { Perennial } from '../src/mod.js';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function serve(listener: RequestListener, port = 0): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  stops.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const problem = { detail: 'reference is missing', code: 'BODY_INVALID', field: 'reference' };

test('a problem of the gateway is thrown with its words, code and field', async () => {
  const url = await serve((_request, response) => {
    response.writeHead(400, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
  });
  await expect(new Perennial({ url, token: 't' }).call('POST', '/v1/x', { json: {} })).rejects.toMatchObject({
    status: 400,
    code: 'BODY_INVALID',
    field: 'reference',
    message: 'reference is missing',
  });
});

test('a prediction outlives a gateway that dies while it answers', async () => {
  let asked = 0;
  const url = await serve((request, response) => {
    asked += 1;
    if (asked === 1) request.socket.destroy();
    else response.end(JSON.stringify({ predictions: [{ prediction: 3 }] }));
  });
  const answer = await new Perennial({ url, token: 't' }).predict('heat', [{}]);
  expect(answer.predictions[0]?.prediction).toBe(3);
});

test('what changes something is asked for once', async () => {
  let asked = 0;
  const url = await serve((request) => {
    asked += 1;
    request.socket.destroy();
  });
  const client = new Perennial({ url, token: 't' });
  await expect(client.call('POST', '/v1/systems/heat/rollback', { json: {} })).rejects.toMatchObject({
    code: 'CONNECTION',
  });
  expect(asked).toBe(1);
});

test('a reading call waits for a gateway that starts', async () => {
  const port = await freePort();
  const answer = new Perennial({ url: `http://127.0.0.1:${port}`, token: 't' }).call('GET', '/v1/systems');
  await serve(
    (request, response) => response.end(JSON.stringify({ token: request.headers.authorization })),
    port,
  );
  expect(await answer).toEqual({ token: 'Bearer t' });
});

test('a reading call outlives the restart of a service behind the gateway', async () => {
  let asked = 0;
  const url = await serve((_request, response) => {
    asked += 1;
    if (asked === 1) response.writeHead(503).end(JSON.stringify({ code: 'REGISTRY_UNAVAILABLE' }));
    else response.end('{}');
  });
  expect(await new Perennial({ url, token: 't' }).call('GET', '/v1/systems')).toEqual({});
});

test('where nothing answers, that is said with the address', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const client = new Perennial({ url, token: 't' }, { retryMs: 60 });
  await expect(client.call('GET', '/v1/systems')).rejects.toMatchObject({
    code: 'CONNECTION',
    message: expect.stringContaining(url),
  });
});

test('events are read from their stream, also when a chunk ends within one', async () => {
  const url = await serve((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('id: 1\ndata: {"type":"a"}\n\n: alive\n\ndata: {"ty');
    response.end('pe":"b"}\n\n');
  });
  const types: unknown[] = [];
  for await (const event of new Perennial({ url, token: 't' }).events({ follow: true }))
    types.push(event['type']);
  expect(types).toEqual(['a', 'b']);
});
