import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { GrpcPerennial } from '@perennial/client';
import { type Platform, rootDir, startPlatform } from '@perennial/local';
import { node, writeModel } from '@perennial/onnx';
import { tempDir, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const dataDir = path.join(tempDir('models'), 'data');
let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform({ dataDir });
});

afterAll(async () => {
  await platform?.stop();
});

function perennial(...args: string[]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, PERENNIAL_URL: platform.urls.http, PERENNIAL_TOKEN: platform.token };
  return new Promise((resolve) => {
    execFile(path.join(rootDir, 'perennial'), args, { cwd: rootDir, env }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: `${stdout}${stderr}` });
    });
  });
}

async function said(...args: string[]): Promise<string> {
  const { code, output } = await perennial(...args);
  expect(`${code}: ${output}`, args.join(' ')).toMatch(/^0: /);
  return output;
}

async function ask<T>(method: string, url: string, body?: unknown): Promise<{ status: number; body: T }> {
  const response = await fetch(platform.urls.http + url, {
    method,
    headers: { authorization: `Bearer ${platform.token}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as T };
}

interface Inferred {
  readonly model_version: string;
  readonly outputs: { readonly data: number[] }[];
}

const columns = { outside: -3.5, wind: 2, hour_of_day: 6, demand_last_hour: 40, demand_day: 41 };
const infer = (model: string, version = '') =>
  ask<Inferred>('POST', `/v2/models/${model}${version && `/versions/${version}`}/infer`, {
    inputs: Object.entries(columns).map(([name, value]) => ({
      name,
      datatype: 'FP64',
      shape: [1, 1],
      data: [value],
    })),
  });

/** The file of the system's first model, as it lies in the store; `twin` has other bytes and says the same. */
async function modelFiles(): Promise<{ file: string; twin: string }> {
  const { body } = await ask<{ model: { digest: string } }>('GET', '/v1/systems/heat-demand/models/1');
  const hex = body.model.digest.slice('sha256:'.length);
  const file = path.join(dataDir, 'artifacts', 'sha256', hex.slice(0, 2), hex);
  const twin = path.join(tempDir('twin'), 'twin.onnx');
  // ModelProto.doc_string (field 6) is no part of the graph.
  writeFileSync(twin, Buffer.concat([readFileSync(file), Buffer.from([0x32, 1, 0x61])]));
  return { file, twin };
}

/** Well formed, and no engine has what it asks for. */
function brokenFile(): string {
  const file = path.join(tempDir('broken'), 'broken.onnx');
  const end = (name: string) => ({ name, type: 'double' as const, dims: ['N', 1] });
  const graph = {
    name: 'broken',
    inputs: [end('x')],
    outputs: [end('y')],
    constants: [],
    nodes: [node('NoSuchOperator', ['x'], 'y')],
  };
  writeFileSync(file, writeModel({ producer: 'test', producerVersion: '1', opsets: { '': 21 }, graph }));
  return file;
}

/** The mean of the system's model and the brought one, which say the same, three times. */
const inputs = Object.fromEntries(Object.keys(columns).map((name) => [name, name]));
const blend = {
  steps: [
    {
      name: 'triple',
      transform: 'scale',
      inputs: { in: 'mean' },
      outputs: { out: 'tripled' },
      parameters: [3, 0],
    },
    { name: 'mean', transform: 'mean', inputs: { a: 'one', b: 'two' }, outputs: { out: 'mean' } },
    { name: 'one', model: 'heat-demand', inputs, outputs: { prediction: 'one' } },
    { name: 'two', model: 'brought', inputs, outputs: { prediction: 'two' } },
  ],
};

test('a model is brought by its file, routed, watched over time and retired, beside a system', async () => {
  const example = 'examples/first-system';
  await said('apply', '-f', `${example}/system.yaml`);
  await said('rows', 'publish', `${example}/rows.csv`, '--source', 'meter');
  await said('labels', 'publish', `${example}/labels.csv`, '--source', 'meter');
  await said('systems', '--wait');
  const { file, twin } = await modelFiles();

  expect(await said('models', 'import', 'brought', file)).toMatch(/^version 1 of brought; it answers/);
  expect(await said('models', 'import', 'brought', file)).toContain('had these bytes as version 1');
  const own = await infer('heat-demand');
  const brought = await waitFor('the model to be served', async () => {
    const answer = await infer('brought');
    return answer.status === 200 ? answer : undefined;
  });
  expect(brought.body.outputs[0]?.data).toEqual(own.body.outputs[0]?.data);
  expect((await perennial('apply', '-f', `${example}/system.yaml`)).code).toBe(0);
  expect((await perennial('models', 'import', 'heat-demand', file)).output).toContain('MODEL_NAME_CONFLICT');

  expect(await said('models', 'import', 'brought', twin)).toContain('version 1 answers');
  await said('routes', 'brought', '--variant', '1=1', '2=1');
  const counts = { '1': 0, '2': 0 } as Record<string, number>;
  for (let at = 0; at < 200; at++) {
    const { body, status } = await infer('brought');
    expect(status).toBe(200);
    counts[body.model_version] = (counts[body.model_version] ?? 0) + 1;
  }
  // Of 200 fair draws fewer than 70 come once in 100,000 runs.
  expect(Math.min(counts['1'] ?? 0, counts['2'] ?? 0)).toBeGreaterThan(70);
  expect(await said('routes', 'brought')).toContain('version 2 as variant at 50 %');

  expect(await said('live', 'brought')).toMatch(/version 1 as champion at 50 %[\s\S]*and is live still/);
  const early = await perennial('live', 'heat-demand', '--at', '2012-07-01');
  expect(early.output).toMatch(/first deployment began at .*"data-time".*LIVE_NOT_FOUND/s);
  const live = JSON.parse(await said('live', 'heat-demand', '--json')) as {
    live: { data_time: string; sequence: string };
  };
  const byData = await said('live', 'heat-demand', '--data-time', live.live.data_time);
  expect(byData).toContain('heat-demand served version 1 as champion');
  const { sequence } = await waitFor('its event to come back', async () => {
    const answer = JSON.parse(await said('live', 'brought', '--json')) as typeof live;
    return answer.live.sequence === '0' ? undefined : answer.live;
  });
  expect(await said('live', 'brought', '--at', sequence)).toContain('version 2 as variant');

  const refused = await perennial('models', 'import', 'brought', brokenFile(), '--promote');
  expect(refused).toMatchObject({ code: 1, output: expect.stringContaining('NoSuchOperator') });
  expect(await said('routes', 'brought')).toContain('version 2 as variant at 50 %');

  const graph = path.join(tempDir('graph'), 'blend.json');
  writeFileSync(graph, JSON.stringify(blend));
  expect(await said('models', 'import', 'blend', graph)).toMatch(/^version 1 of blend; it answers/);
  const blended = await infer('blend');
  const three = 3 * (own.body.outputs[0]?.data[0] ?? Number.NaN);
  expect(blended.body.outputs).toMatchObject([{ name: 'tripled', data: [expect.closeTo(three, 9)] }]);
  const grpc = new GrpcPerennial({ address: platform.urls.grpc, token: platform.token });
  expect(await grpc.predict('blend', columns, '2024-03-01')).toBeCloseTo(three, 9);
  grpc.close();

  await said('models', 'retire', 'brought');
  expect(await infer('blend')).toMatchObject({
    status: 503,
    body: { error: expect.stringContaining("the graph needs 'brought', which serves no model") },
  });
  expect((await infer('brought')).status).toBeGreaterThanOrEqual(400);
  expect(await said('live', 'brought', '--at', sequence)).toContain('version 2 as variant');
  const letters = await ask<{ dead_letters: unknown[] }>('GET', '/v1/dead-letters');
  expect(letters.body.dead_letters).toEqual([]);
});
