import type { JsonObject } from '@bufbuild/protobuf';
import type { Route } from '@perennial/contracts';
import type { PredictedRow, RowsAsk } from './ask.js';
import { columnsOf, valuesOf } from './columns.js';
import { checkNesting } from './decide/shape-rows.js';
import { placeOfRow } from './decide/system-source.js';
import type { Serving } from './deployments.js';
import type { Recording, ShapedRow } from './recording.js';
import { choiceFor, type Means, mirror, runModel } from './run-model.js';
import { servingColumns } from './serving-columns.js';

/** Answers rows of plain values. Each row is routed by itself; rows of one version run together. */
export async function answerRows(
  means: Means,
  serving: Serving,
  ask: RowsAsk,
  given: JsonObject[],
  recording: Recording,
): Promise<PredictedRow[]> {
  ask.caller?.meter?.takeRows(given.length);
  const rows = await shaped(means, serving, given, ask.deadlineAt);
  recording.keep(rows);
  const { predictionId } = recording;
  const nameOf = (at: number) => (rows.length === 1 ? predictionId : `${predictionId}/${at}`);
  const choices = rows.map((row, at) => choiceFor(serving, ask, { ...row, predictionId: nameOf(at) }));
  recording.version = choices[0]?.served.version ?? 0;
  const all = columnsOf(
    serving.deployment.inputs,
    rows.map(({ features }) => features),
  );
  mirror(means, recording, { serving, shadows: choices[0]?.shadows ?? [], columns: all, ask });
  const predicted: PredictedRow[] = new Array(rows.length);
  const answer = async ({ route, propensity, members }: Group) => {
    const columns =
      members.length === rows.length ? all : columnsOf(serving.deployment.inputs, featuresAt(rows, members));
    const { inferred, isCached } = await runModel(means, serving, route, columns, ask);
    recording.ran = inferred;
    recording.isCached = isCached;
    const values = valuesOf(inferred.outputs, members.length);
    const valueOfRow: (number | undefined)[] = new Array(recording.rows.length);
    members.forEach((at, position) => {
      const { features, provided } = rows[at] as ShapedRow;
      const prediction = values[position] as number;
      if (at < valueOfRow.length) valueOfRow[at] = prediction;
      predicted[at] = { predictionId: nameOf(at), prediction, version: route.version, features, provided };
    });
    recording.answered(route, valueOfRow, propensity);
  };
  const groups = groupsOf(choices);
  if (groups.length === 1) await answer(groups[0] as Group);
  else await Promise.all(groups.map(answer));
  return predicted;
}

/** The rows with all features: the client's own, and those the platform keeps where some are absent. */
async function shaped(
  { features }: Means,
  { deployment, source }: Serving,
  rows: JsonObject[],
  deadlineAt: number,
): Promise<ShapedRow[]> {
  const { names, hasSystem } = servingColumns(deployment);
  const isWhole = (row: JsonObject) => names.every((name) => row[name] !== undefined);
  if (hasSystem && !rows.every(isWhole)) {
    checkNesting(rows);
    return features(deployment.system, rows, deadlineAt);
  }
  return rows.map((row, at) => {
    const own: JsonObject = {};
    for (const name of names) own[name] = row[name] ?? null;
    return { ...placeOfRow(source, row, `rows[${at}]`), features: own, provided: names };
  });
}

function featuresAt(rows: readonly ShapedRow[], members: readonly number[]): JsonObject[] {
  return members.map((at) => (rows[at] as ShapedRow).features);
}

/** Rows that one version answers. */
interface Group {
  readonly route: Route;
  readonly propensity: number;
  readonly members: number[];
}

function groupsOf(choices: readonly { readonly served: Route; readonly propensity: number }[]): Group[] {
  const groups = new Map<Route, Group>();
  choices.forEach(({ served: route, propensity }, at) => {
    const group = groups.get(route);
    if (group) group.members.push(at);
    else groups.set(route, { route, propensity, members: [at] });
  });
  return [...groups.values()];
}
