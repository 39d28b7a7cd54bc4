import { expect, test } from 'vitest';
import type { Server } from '../server.js';
import { encode } from '../wire/values.js';
import { given } from '../wire/wire.js';
import { body, errorOf, type HttpWireOf, inferBy, json } from './http-shared.js';

/** Paths, methods, and who may ask. */
export function httpPathCases(wire: HttpWireOf, server: () => Server): void {
  const infer = inferBy(wire);
  test.each([
    '/v2/nothing',
    '/v2/models/add_sub/nothing',
    '/v2/models//infer',
    '/v2/health',
    '/v2/models/a/versions/1/2/3',
  ])('%s is not found, as an object with an error', async (path) => {
    const answer = await wire().send('GET', path);
    expect(answer.status).toBe(404);
    expect(errorOf(answer)).toMatch(/not found/i);
  });

  test.each([
    ['GET', '/v2/models/add_sub/infer'],
    ['POST', '/v2/models/add_sub/ready'],
    ['POST', '/v2/models/add_sub'],
    ['DELETE', '/v2'],
    ['PUT', '/v2/health/live'],
    ['GET', '/v2/repository/index'],
    ['GET', '/v2/repository/models/add_sub/load'],
  ])('%s %s is not allowed', async (method, path) => {
    const answer = await wire().send(method, path);
    expect(answer.status).toBe(405);
    expect(errorOf(answer)).toBe('Method Not Allowed');
  });

  test.each(['/v2', '/v2/'])('%s tells about the server', async (path) => {
    expect(JSON.parse((await wire().send('GET', path)).body.toString())).toHaveProperty('extensions');
  });

  test('GET /v2/models lists the models', async () => {
    const { models } = JSON.parse((await wire().send('GET', '/v2/models')).body.toString()) as {
      models: string[];
    };
    expect(models).toEqual(expect.arrayContaining(['add_sub', 'scores']));
  });

  test('a query is no part of the path', async () => {
    expect((await wire().send('GET', '/v2/models/add_sub/ready?x=1')).status).toBe(200);
  });

  test('somebody unknown is told so, but hears whether the server lives', async (context) => {
    if (server().token === undefined) return context.skip('the server knows no tokens');
    const stranger = { authorization: 'Bearer nobody' };
    expect((await wire().send('GET', '/v2/health/live', undefined, stranger)).status).toBe(200);
    for (const path of [
      '/v2',
      '/v2/models',
      '/v2/models/add_sub',
      '/v2/models/stats',
      '/v2/models/add_sub/config',
    ])
      expect((await wire().send('GET', path, undefined, stranger)).status).toBe(401);
    expect((await infer(body, stranger)).status).toBe(401);
  });

  test('the answer of another version of HTTP’s words is the same', async () => {
    const upper = { 'Inference-Header-Content-Length': '0', 'Content-Type': 'text/whatever' };
    expect(
      given({ ok: true, value: (await infer(encode('FP32', [1]), upper, 'identity_fp32')).status }),
    ).toBe(200);
  });
}

/** What only HTTP has of the model repository. */
export function httpRepositoryCases(wire: HttpWireOf): void {
  test('ready that is no boolean is refused', async () => {
    const answer = await wire().send('POST', '/v2/repository/index', json({ ready: 'x' }));
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toBe("Invalid value for 'ready': expected a boolean");
  });

  test('an empty body asks for all', async () => {
    const answer = await wire().send('POST', '/v2/repository/index');
    expect(JSON.parse(answer.body.toString()).length).toBeGreaterThan(0);
  });

  test.each(['/v2/repository/mine/index', '/v2/repository/mine/models/add_sub/load'])(
    '%s names a repository',
    async (path) => {
      const answer = await wire().send('POST', path);
      expect(errorOf(answer)).toMatch(/'repository_name' specification is not supported/);
    },
  );
}
