import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Digest } from '@perennial/kernel';
import { waitFor } from '@perennial/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addModel } from '../../libs/runtime/test/tiny-onnx.js';
import { openServingHouse, type ServingHouse, type SpanTold } from './house.js';

let house: ServingHouse;
let add: Digest;

beforeAll(async () => {
  house = await openServingHouse();
  add = await house.putModel(addModel());
  await house.serve('pooled', add, { place: 'PLACEMENT_POOL' });
  await house.serve('at-edge', await house.putModel(addModel('other')), { place: 'PLACEMENT_EDGE' });
  await house.serve('pure', await house.putModel(addModel('third')), {
    place: 'PLACEMENT_POOL',
    cacheSeconds: 60,
  });
});
afterAll(() => house?.close());

const inputs = (...names: string[]) =>
  names.map((name) => ({ name, datatype: 'FP64', shape: [1, 1], data: [1.5] }));
const infer = (model: string, body: object, headers: Record<string, string> = {}) =>
  house.ask(`/v2/models/${model}/infer`, { method: 'POST', body: JSON.stringify(body), headers });

function newTrace() {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-01` };
}

const of = (traceId: string) => house.spans.filter((span) => span.traceId === traceId);
const named = (spans: readonly SpanTold[], name: string) => spans.find((span) => span.name === name);

test.each([
  ['pooled', 'inference'],
  ['at-edge', 'gateway'],
])("the client's trace reaches the run of the model: %s, in the process %s", async (model, process) => {
  const { traceId, spanId, traceparent } = newTrace();
  const response = await infer(model, { inputs: inputs('a', 'b') }, { traceparent });
  expect(await response.json()).toMatchObject({ outputs: [{ data: [3] }] });
  await waitFor(
    'the spans',
    () => named(of(traceId), 'model run') !== undefined && named(of(traceId), 'HTTP POST') !== undefined,
  );
  const [http, inference, run] = ['HTTP POST', 'inference', 'model run'].map((name) =>
    named(of(traceId), name),
  );
  expect(http).toMatchObject({ service: 'gateway', parentSpanId: spanId });
  expect(inference).toMatchObject({ service: process, parentSpanId: http?.spanId });
  expect(run).toMatchObject({ service: process, parentSpanId: inference?.spanId });
  expect(run?.links).toMatchObject([{ traceId, spanId: inference?.spanId }]);
});

test('requests of one batch have one span of the run, which links to the traces of all', async () => {
  const traces = Array.from({ length: 40 }, newTrace);
  await Promise.all(
    traces.map(({ traceparent }) => infer('pooled', { inputs: inputs('a', 'b') }, { traceparent })),
  );
  const shared = () => house.spans.filter(({ name, links = [] }) => name === 'model run' && links.length > 1);
  await waitFor('a shared run', () => shared().length > 0);
  const known = new Set(traces.map(({ traceId }) => traceId));
  const [run] = shared();
  expect(run?.links?.every(({ traceId }) => known.has(traceId))).toBe(true);
  expect(new Set(run?.links?.map(({ traceId }) => traceId)).size).toBe(run?.links?.length);
});

/** Names in Prometheus' text, those of a histogram without their endings. */
const namesIn = (text: string) =>
  new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name as string));

/** The tables of docs/metrics.md. */
function documented() {
  const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  return [...page.matchAll(/^\| `([a-z0-9_]+)`( \*)? \| ([^|]+) \|/gm)].map(([, name, star, processes]) => ({
    name: name as string,
    isLater: star !== undefined,
    processes: (processes as string).split(', '),
  }));
}

test('what a client sees is what is counted, in the names of Triton', async () => {
  const before = await house.metrics('gateway');
  const value = (text: string, series: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')
        .at(-1) ?? 0,
    );
  for (let at = 0; at < 3; at++) expect((await infer('pure', { inputs: inputs('a', 'b') })).status).toBe(200);
  expect((await infer('pure', { inputs: inputs('a') })).status).toBe(400);
  const after = await house.metrics('gateway');
  const grown = (series: string) => value(after, series) - value(before, series);
  const labels = '{model="pure",version="1"}';
  const timed = '{system="pure",transport="http/v2",status="OK"}';
  expect({
    success: grown(`nv_inference_request_success${labels}`),
    rows: grown(`nv_inference_count${labels}`),
    runs: grown(`nv_inference_exec_count${labels}`),
    hits: grown(`nv_cache_num_hits_per_model${labels}`),
    misses: grown(`nv_cache_num_misses_per_model${labels}`),
    failed: grown('nv_inference_request_failure{model="pure",version="",reason="OTHER"}'),
    inHand: value(after, 'nv_inference_pending_request_count{model="pure"}'),
    timed: grown(`perennial_gateway_prediction_duration_seconds_count${timed}`),
    bucketed: grown(
      `perennial_gateway_prediction_duration_seconds_bucket${timed.replace('}', ',le="+Inf"}')}`,
    ),
  }).toEqual({
    success: 3,
    rows: 1,
    runs: 1,
    hits: 2,
    misses: 1,
    failed: 1,
    inHand: 0,
    timed: 3,
    bucketed: 3,
  });
  const replica = await house.metrics('inference');
  expect(value(replica, `nv_inference_exec_count${labels}`)).toBe(1);
});

test.each(['gateway', 'inference'] as const)(
  'docs/metrics.md lists what the %s answers, no more and no less',
  async (service) => {
    await infer('pooled', { inputs: inputs('a', 'b') });
    const told = namesIn(await house.metrics(service));
    const own = documented().filter(
      ({ processes }) => processes.includes(service) || processes.includes('all'),
    );
    const names = new Set(own.map(({ name }) => name));
    expect([...told].filter((name) => !names.has(name))).toEqual([]);
    expect(own.filter(({ name, isLater }) => !isLater && !told.has(name)).map(({ name }) => name)).toEqual(
      [],
    );
  },
);

test('the dashboard asks for metrics alone that there are, of the process that has them', () => {
  const file = new URL('../../infra/grafana/perennial-serving.json', import.meta.url);
  const dashboard = JSON.parse(readFileSync(file, 'utf8')) as {
    panels: { type: string; title: string; targets?: { expr: string }[] }[];
    templating: { list: { type: string; definition?: string }[] };
  };
  const metrics = new Map(documented().map((metric) => [metric.name, metric]));
  const queries = [
    ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...dashboard.templating.list.flatMap(({ definition }) => definition ?? []),
  ];
  expect(queries.length).toBeGreaterThan(30);
  for (const query of queries) {
    const asked = [...query.matchAll(/\b((?:nv|perennial)_[a-z0-9_]+)(\{[^}]*\})?/g)];
    expect(asked.length).toBeGreaterThan(0);
    for (const [, name = '', labels = ''] of asked) {
      const metric = metrics.get(name) ?? metrics.get(name.replace(/_(bucket|count|sum)$/, ''));
      expect([query, metric?.name]).not.toEqual([query, undefined]);
      // Only a variable's query names no job.
      if (labels === '') continue;
      const process = labels.includes('$inference') && !labels.includes('$gateway') ? 'inference' : 'gateway';
      expect([query, metric?.processes.some((one) => one === 'all' || one === process)]).toEqual([
        query,
        true,
      ]);
    }
  }
});
