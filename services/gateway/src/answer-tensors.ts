import type { JsonObject } from '@bufbuild/protobuf';
import type { Route } from '@perennial/contracts';
import { invalid, limits } from '@perennial/kernel';
import { checkInputs, rowsOf, type Tensor } from '@perennial/runtime';
import type { PredictedTensors, TensorsAsk, TensorsBody } from './ask.js';
import { columnsOf, keptColumns, rowsOfColumns, valuesOf } from './columns.js';
import { routeOfVersion } from './decide/route.js';
import { placeOfRow } from './decide/system-source.js';
import type { Serving } from './deployments.js';
import { gatewayLimits } from './limits.js';
import { versionNotFound } from './protocol/models.js';
import { pickOutputs } from './protocol/outputs.js';
import type { Recording, ShapedRow } from './recording.js';
import { choiceFor, type Means, mirror, type Run, runModel } from './run-model.js';
import { isExactly, servingColumns } from './serving-columns.js';

/** Answers tensors; one version answers the whole request. At once where nobody else has to be asked. */
export function answerTensors(
  means: Means,
  serving: Serving,
  ask: TensorsAsk,
  { inputs, outputNames, eventTime }: TensorsBody,
  recording: Recording,
): PredictedTensors | Promise<PredictedTensors> {
  const columns = servingColumns(serving.deployment).hasSystem
    ? systemColumns(means, serving, inputs, eventTime, ask, recording)
    : importedColumns(serving, inputs, recording);
  const answer = (all: readonly Tensor[]) => answerColumns(means, serving, ask, all, outputNames, recording);
  return columns instanceof Promise ? columns.then(answer) : answer(columns);
}

function answerColumns(
  means: Means,
  serving: Serving,
  ask: TensorsAsk,
  columns: readonly Tensor[],
  outputNames: readonly string[],
  recording: Recording,
): PredictedTensors | Promise<PredictedTensors> {
  ask.caller?.meter?.takeRows(recording.rowCount);
  const { route, shadows, propensity } = routed(serving, ask, recording);
  recording.version = route.version;
  mirror(means, recording, { serving, shadows, columns, ask });
  const answered = ({ inferred, isCached }: Run): PredictedTensors => {
    recording.ran = inferred;
    recording.isCached = isCached;
    const outputs = pickOutputs(inferred.outputs, outputNames, ask.system);
    const values = valuesOf(inferred.outputs, recording.rowCount, recording.rows.length);
    recording.answered(route, values, propensity);
    const { predictionId } = recording;
    return { predictionId, version: route.version, outputs, routed: isCached ? undefined : inferred };
  };
  const run = runModel(means, serving, route, columns, ask);
  return run instanceof Promise ? run.then(answered) : answered(run);
}

const nowhere: Pick<ShapedRow, 'eventTimeMs' | 'key' | 'features'> = {
  eventTimeMs: undefined,
  key: {},
  features: {},
};

/** @throws PlatformError VERSION_NOT_FOUND, SYSTEM_NOT_SERVING */
function routed(
  serving: Serving,
  ask: TensorsAsk,
  { rows, predictionId }: Recording,
): { route: Route; shadows: readonly Route[]; propensity: number } {
  if (ask.version !== '') {
    const route = routeOfVersion(serving.deployment, ask.version);
    if (route) return { route, shadows: [], propensity: 0 };
    const served = serving.deployment.routes.map(({ version }) => String(version));
    throw versionNotFound(ask.system, ask.version, served);
  }
  const { eventTimeMs, key, features } = rows[0] ?? nowhere;
  const { served, shadows, propensity } = choiceFor(serving, ask, {
    eventTimeMs,
    key,
    features,
    predictionId,
  });
  return { route: served, shadows, propensity };
}

/** A model that was brought by itself takes what it says; the platform adds nothing. */
function importedColumns(
  { deployment }: Serving,
  inputs: readonly Tensor[],
  recording: Recording,
): readonly Tensor[] {
  const { specs, names, hasRows, wideRows } = servingColumns(deployment);
  const columns = isExactly(specs, inputs) ? inputs : checkInputs(deployment.system, specs, inputs);
  const count = hasRows ? rowsOf(columns) : 1;
  checkEmptyRows(columns, count);
  let rows = wideRows?.get(count);
  if (!rows) {
    rows = importedRows(columns, names, count);
    if (wideRows && wideRows.size < wideRowsMax) wideRows.set(count, rows);
  }
  recording.keep(rows, count);
  return columns;
}

/** Numbers of rows whose records are kept for the requests to come. */
const wideRowsMax = 64;

function importedRows(columns: readonly Tensor[], names: readonly string[], count: number): ShapedRow[] {
  const kept = Math.min(count, gatewayLimits.recordedRowsMax);
  let last: ShapedRow | undefined;
  return keptColumns(columns, count, kept).map((features): ShapedRow => {
    if (features !== last?.features) last = { eventTimeMs: undefined, key: {}, features, provided: names };
    return last;
  });
}

/**
 * Rows without elements take no bytes of a body, and are bounded by none.
 *
 * @throws PlatformError TENSOR_SHAPE_INVALID
 */
function checkEmptyRows(columns: readonly Tensor[], count: number): void {
  const { configuredBatchMax } = gatewayLimits;
  const empty = count > configuredBatchMax ? columns.find(({ data }) => data.length === 0) : undefined;
  if (!empty) return;
  throw invalid(
    'TENSOR_SHAPE_INVALID',
    `input '${empty.name}' has ${count} rows without an element; send at most ${configuredBatchMax} such rows`,
    { field: empty.name },
  );
}

/** A system's inputs out of a request's tensors, with the features that the platform keeps where some are absent. */
function systemColumns(
  means: Means,
  serving: Serving,
  inputs: readonly Tensor[],
  eventTime: string | undefined,
  ask: TensorsAsk,
  recording: Recording,
): readonly Tensor[] | Promise<readonly Tensor[]> {
  const { deployment, source } = serving;
  const { specs, names, nameSet } = servingColumns(deployment);
  const count = rowsOf(inputs);
  const isWhole = isExactly(specs, inputs);
  if (!isWhole && count > 0 && isToBeCompleted(serving, inputs, eventTime)) {
    const given = completable(inputs, count, source.time, eventTime);
    return means.features(deployment.system, given, ask.deadlineAt).then((rows) => {
      recording.keep(rows);
      return columnsOf(
        deployment.inputs,
        rows.map(({ features }) => features),
      );
    });
  }
  const isFeature = ({ name }: Tensor) =>
    nameSet.has(name) || (name !== source.time && !source.key.includes(name));
  const columns = isWhole ? inputs : checkInputs(deployment.system, specs, inputs.filter(isFeature));
  const kept = Math.min(count, gatewayLimits.recordedRowsMax);
  const rows = rowsOfColumns(inputs, count, kept).map((row, at) => {
    if (eventTime !== undefined) row[source.time] ??= eventTime;
    const place = placeOfRow(source, row, `rows[${at}]`);
    if (isWhole && eventTime === undefined) return { ...place, features: row, provided: names };
    const features: JsonObject = {};
    for (const name of names) features[name] = row[name] ?? null;
    return { ...place, features, provided: names };
  });
  recording.keep(rows, count);
  return columns;
}

/** Inputs are absent, and it is said of which moment the platform's own are wanted. */
function isToBeCompleted(
  { deployment, source }: Serving,
  inputs: readonly Tensor[],
  eventTime: string | undefined,
): boolean {
  const given = new Set(inputs.map(({ name }) => name));
  if (eventTime === undefined && !given.has(source.time)) return false;
  return deployment.inputs.some(({ name }) => !given.has(name));
}

/** @throws PlatformError PREDICT_ROWS_INVALID */
function completable(
  inputs: readonly Tensor[],
  count: number,
  time: string,
  eventTime: string | undefined,
): JsonObject[] {
  if (count > limits.predictRowsMax) {
    throw invalid(
      'PREDICT_ROWS_INVALID',
      `the platform adds features to at most ${limits.predictRowsMax} rows of a request, got ${count}; send fewer, or all inputs`,
    );
  }
  const rows = rowsOfColumns(inputs, count);
  if (eventTime !== undefined) for (const row of rows) row[time] ??= eventTime;
  return rows;
}
