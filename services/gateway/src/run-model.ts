import type { JsonObject } from '@bufbuild/protobuf';
import type { Route } from '@perennial/contracts';
import { PlatformError } from '@perennial/kernel';
import { sliceRows, type Tensor } from '@perennial/runtime';
import { activeTraceparent, TracedRuns } from '@perennial/service';
import type { Ask } from './ask.js';
import type { ResponseCache } from './cache/response-cache.js';
import { valuesOf } from './columns.js';
import { type Choice, choose, routingKey, stickyValue } from './decide/route.js';
import type { Deployments, Serving } from './deployments.js';
import type { Inference, InferOptions, Inferred, ModelAsked } from './inference.js';
import type { Recording, ShapedRow } from './recording.js';
import { servingColumns } from './serving-columns.js';

/** The features that the platform keeps, in the order of the rows. */
export type OnlineFeatures = (system: string, rows: JsonObject[], deadlineAt: number) => Promise<ShapedRow[]>;

/** What answering stands on. */
export interface Means {
  readonly deployments: Deployments;
  readonly inference: Inference;
  readonly features: OnlineFeatures;
  readonly cache: ResponseCache;
}

/** An answer, and whether it was given before. */
export interface Run {
  readonly inferred: Inferred;
  readonly isCached: boolean;
}

/**
 * Runs one version for a request, or gives its answer to the same inputs again where the deployment allows that. At once,
 * without a promise, where a kernel in this process answers: promises would cost more than such a run.
 */
export function runModel(
  { inference, cache }: Means,
  { deployment }: Serving,
  route: Route,
  columns: readonly Tensor[],
  ask: Ask,
): Run | Promise<Run> {
  const { system, pool, serve } = deployment;
  const model = { name: system, route, pool, serve };
  const options = optionsOf(ask);
  const run = () => {
    const inferred = inference.infer(model, columns, options);
    return options.traceparent === undefined ? inferred : traced(inferred, model, options.traceparent);
  };
  // A graph's digest says nothing about which versions of its models answer.
  if (serve === undefined || serve.cacheSeconds === 0 || route.graph) {
    const inferred =
      options.traceparent === undefined ? inference.inferNow?.(model, columns, options) : undefined;
    return inferred ? { inferred, isCached: false } : run().then(notCached);
  }
  return cache.through(
    { system, serve, route, tenant: tenantOf(ask), columns, deadlineAt: ask.deadlineAt },
    run,
  );
}

function notCached(inferred: Inferred): Run {
  return { inferred, isCached: false };
}

/**
 * Before a request is read: whether whoever would answer it has room, where that is one version whatever it says.
 *
 * @throws PlatformError QUEUE_EXHAUSTED
 */
export function checkRoom({ inference, deployments }: Means, { system, caller }: Ask): void {
  const deployment = deployments.current(system)?.deployment;
  if (!deployment || !inference.checkRoom) return;
  const { pool, serve } = deployment;
  const choice = servingColumns(deployment).onlyChoice;
  // What is answered out of the cache needs nobody.
  if (!choice || (serve?.cacheSeconds ?? 0) > 0) return;
  inference.checkRoom({ name: system, route: choice.served, pool, serve }, caller?.name ?? '');
}

const tracedRuns = new TracedRuns();

/** A replica tells of its runs itself; those in this process are told here. */
async function traced(
  work: Promise<Inferred>,
  { name, route }: ModelAsked,
  traceparent: string,
): Promise<Inferred> {
  const inferred = await work;
  if (inferred.replica === 'edge') {
    const version = String(route.version);
    tracedRuns.answered({ ...inferred, model: name, version, traceparents: [traceparent] });
  }
  return inferred;
}

function optionsOf({ deadlineAt, priority, caller, signal }: Ask): InferOptions {
  const options: { -readonly [K in keyof InferOptions]: InferOptions[K] } = { deadlineAt };
  if (priority) options.priority = priority;
  if (caller) options.share = caller.name;
  if (signal) options.signal = signal;
  const traceparent = activeTraceparent();
  if (traceparent) options.traceparent = traceparent;
  return options;
}

function tenantOf({ caller }: Ask): string {
  return caller?.tenant ?? '';
}

/**
 * Who answers a row and who is asked beside.
 *
 * @throws PlatformError SYSTEM_NOT_SERVING
 */
export function choiceFor(
  { deployment }: Serving,
  ask: Ask,
  row: Pick<ShapedRow, 'eventTimeMs' | 'key' | 'features'> & { readonly predictionId: string },
): Choice {
  const choice =
    servingColumns(deployment).onlyChoice ??
    choose(deployment, {
      key: routingKey(row),
      sticky: stickyValue(deployment, ask.headers, row.features),
      headers: ask.headers,
      tenant: tenantOf(ask),
      caller: ask.caller?.name,
    });
  if (choice) return choice;
  throw new PlatformError(
    'SYSTEM_NOT_SERVING',
    'dependency',
    'after',
    `'${deployment.system}' has no champion; promote a version first`,
  );
}

/** Asks the shadows about the first rows, those that are recorded; more answers would be thrown away. */
export function mirror(
  means: Means,
  recording: Recording,
  {
    serving,
    shadows,
    columns,
    ask,
  }: {
    readonly serving: Serving;
    readonly shadows: readonly Route[];
    readonly columns: readonly Tensor[];
    readonly ask: Ask;
  },
): void {
  if (shadows.length === 0) return;
  const kept = recording.rows.length;
  const part = kept < recording.rowCount ? columns.map((column) => sliceRows(column, 0, kept)) : columns;
  // Nobody waits for them, so that a client who goes away takes nothing from the comparison.
  const { deadlineAt, caller } = ask;
  const beside = { system: ask.system, transport: ask.transport, deadlineAt, caller };
  const valuesFrom = async (shadow: Route) => {
    const { inferred } = await runModel(means, serving, shadow, part, beside);
    return valuesOf(inferred.outputs, kept);
  };
  for (const shadow of shadows) recording.beside(shadow, valuesFrom(shadow));
}
