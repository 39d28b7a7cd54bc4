import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { type Platform, startPlatform } from '@perennial/local';
import { tempDir, waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tinyModel } from '../../libs/runtime/test/tiny-onnx.js';

/** Adds its input so many times: version 1 doubles, version 2 triples. */
const timesModel = (times: 2 | 3) =>
  tinyModel({
    inputs: [['x', 'FP64']],
    outputs: [['y', 'FP64']],
    nodes: [
      { op: 'Add', inputs: ['x', 'x'], outputs: [times === 2 ? 'y' : 'twice'] },
      ...(times === 3 ? [{ op: 'Add', inputs: ['twice', 'x'], outputs: ['y'] }] : []),
    ],
  });

/** Several, whose routes change at the same time. */
const names = ['times-1', 'times-2', 'times-3', 'times-4'] as const;
const replicas = ['inference', 'inference-2'];
let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform({ dataDir: path.join(tempDir('fleet'), 'data'), replicas: replicas.length });
  for (const name of names) {
    for (const times of [2, 3] as const) {
      await control('POST', `/v1/models/${name}/versions`, timesModel(times));
    }
    await serve(name, 'pool');
    await route(name, 1, 2);
  }
}, 180_000);
afterAll(() => platform?.stop());

async function control(method: string, where: string, body: Uint8Array | object): Promise<unknown> {
  const isFile = body instanceof Uint8Array;
  const response = await fetch(`${platform.urls.http}${where}`, {
    method,
    headers: {
      authorization: `Bearer ${platform.token}`,
      'content-type': isFile ? 'application/octet-stream' : 'application/json',
    },
    body: isFile ? body : JSON.stringify(body),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${method} ${where}: ${response.status} ${answer}`);
  return JSON.parse(answer);
}

async function serve(name: string, place: 'pool' | 'edge'): Promise<void> {
  expect(await control('PUT', `/v1/models/${name}/serve`, { place })).toMatchObject({ served: true });
}

/** The share of version 2; true when the gateway serves it. */
async function route(name: string, ...weights: [one: number, two: number]): Promise<boolean> {
  const sum = weights[0] + weights[1];
  const variants = weights
    .map((weight, at) => ({ version: at + 1, weight: weight / sum }))
    .filter(({ weight }) => weight > 0);
  const answer = (await control('PUT', `/v1/models/${name}/routes`, { variants })) as { served: boolean };
  return answer.served;
}

interface Load {
  readonly answers: Map<number, number>;
  readonly failures: string[];
  count(): number;
  stop(): Promise<void>;
}

/** Clients that ask one after the other without a pause, and take note of everything that is no right answer. */
function startLoad(clients: number): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const answers = new Map<number, number>();
  const failures: string[] = [];
  let count = 0;
  let isOver = false;
  const client = async (value: number) => {
    while (!isOver) {
      const failure = await ask(agent, names[value % names.length] as string, value, answers);
      count += 1;
      if (failure) failures.push(failure);
    }
  };
  const all = Array.from({ length: clients }, (_, at) => client(at + 1));
  return {
    answers,
    failures,
    count: () => count,
    stop: async () => {
      isOver = true;
      await Promise.all(all);
      agent.destroy();
    },
  };
}

/** What was wrong, or undefined; counts by what factor the model multiplied. */
function ask(
  agent: Agent,
  name: string,
  value: number,
  answers: Map<number, number>,
): Promise<string | undefined> {
  const inputs = [{ name: 'x', datatype: 'FP64', shape: [1, 1], data: [value] }];
  return new Promise((resolve) => {
    const call = request(
      `${platform.urls.http}/v2/models/${name}/infer`,
      {
        method: 'POST',
        agent,
        headers: { authorization: `Bearer ${platform.token}`, 'content-type': 'application/json' },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => {
          if (response.statusCode !== 200) return resolve(`${response.statusCode} ${text}`);
          const { outputs } = JSON.parse(text) as { outputs: { data: number[] }[] };
          const times = (outputs[0]?.data[0] ?? Number.NaN) / value;
          answers.set(times, (answers.get(times) ?? 0) + 1);
          resolve(times === 2 || times === 3 ? undefined : `answered ${text} to ${value}`);
        });
      },
    );
    call.on('error', (error) => resolve(String(error)));
    call.end(JSON.stringify({ inputs }));
  });
}

/** Runs `disturb` under load and waits until some requests came after it; all must have been answered. */
async function underLoad(disturb: (load: Load) => Promise<void>, clients = 16): Promise<Load> {
  const load = startLoad(clients);
  try {
    await waitFor('the load to run', () => load.count() > 200);
    await disturb(load);
    const before = load.count();
    await waitFor('requests after it', () => load.count() > before + 200);
  } finally {
    await load.stop();
  }
  expect(load.failures).toEqual([]);
  return load;
}

const linesWith = (text: string) =>
  readFileSync(path.join(platform.dataDir, 'logs', 'gateway.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes(text)).length;

test('kill -9 of one of two replicas under load: every request is answered', async () => {
  const load = await underLoad(async (load) => {
    for (let turn = 0; turn < 4; turn++) {
      const victim = replicas[turn % 2] as string;
      const restarts = platform.restarts(victim);
      const joined = linesWith('joined to inference');
      expect(platform.kill(victim)).toBe(true);
      await waitFor('its restart', () => platform.restarts(victim) > restarts);
      await waitFor('it to be joined again', () => linesWith('joined to inference') > joined);
      const before = load.count();
      await waitFor('some requests', () => load.count() > before + 200);
    }
  });
  process.stdout.write(`fleet: ${load.count()} requests over 4 kills, 0 failed\n`);
});

test('a replica that hangs is found out and left alone, and comes back', async () => {
  await underLoad(async (load) => {
    const lost = linesWith('a replica was lost');
    const joined = linesWith('joined to inference');
    expect(platform.kill('inference-2', 'SIGSTOP')).toBe(true);
    try {
      await waitFor('the gateway to notice', () => linesWith('a replica was lost') > lost);
      const before = load.count();
      await waitFor('answers without it', () => load.count() > before + 500);
    } finally {
      platform.kill('inference-2', 'SIGCONT');
    }
    await waitFor('it to be joined again', () => linesWith('joined to inference') > joined);
  });
});

test('a rolling restart of all replicas: every request is answered', async () => {
  await underLoad(async () => {
    for (const replica of [...replicas, ...replicas]) {
      const restarts = platform.restarts(replica);
      const joined = linesWith('joined to inference');
      platform.kill(replica, 'SIGTERM');
      await waitFor('its restart', () => platform.restarts(replica) > restarts);
      await waitFor('it to be joined again', () => linesWith('joined to inference') > joined);
    }
  });
});

test('1,000 version switches and 200 canary steps under load: every request is answered', async () => {
  let switches = 0;
  const load = await underLoad(async () => {
    await Promise.all(
      names.map(async (name) => {
        for (let at = 0; at < 250; at++) {
          // Half of them in the pool, half in the gateway.
          if (at === 125) await serve(name, 'edge');
          if (await (at % 2 === 0 ? route(name, 0, 1) : route(name, 1, 0))) switches += 1;
        }
        for (let step = 1; step <= 50; step++) await route(name, 50 - step, step);
      }),
    );
    // Fewer clients, so that the registry has its part of the machine too.
  }, names.length);
  expect(switches).toBe(1_000);
  expect([...load.answers.keys()].sort()).toEqual([2, 3]);
  process.stdout.write(`fleet: ${load.count()} requests over 1,200 changes of routes, 0 failed\n`);
});

test('a model moves between gateway and pool under load: every request is answered', async () => {
  const moves = linesWith('a model moved');
  await underLoad(async (load) => {
    for (const place of ['pool', 'edge', 'pool', 'edge', 'pool'] as const) {
      await Promise.all(names.map((name) => serve(name, place)));
      const before = load.count();
      await waitFor('answers there', () => load.count() > before + 200);
    }
  });
  expect(linesWith('a model moved') - moves).toBeGreaterThanOrEqual(5);
});
