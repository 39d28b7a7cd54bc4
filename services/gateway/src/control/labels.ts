import { setTimeout } from 'node:timers/promises';
import type { JsonObject } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { PredictionPlaces } from '@perennial/contracts';
import { invalid, PlatformError } from '@perennial/kernel';
import { allowTouch, producerFor } from '../decide/access.js';
import { readLabels, type Target, type ToldLabel } from '../decide/label-body.js';
import { type LabelledSystem, type LabelRow, labelledSystem, labelRow } from '../decide/label-row.js';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import { bodyObject, type ControlRequest, type ControlRoute, checkName } from './route.js';

export interface LabelNeeds {
  readonly peers: Pick<Peers, 'monitor' | 'registry'>;
  /** Resolves when the row is durable; a row of an id that was taken before changes nothing. */
  readonly publish: (producer: string, row: LabelRow) => Promise<void>;
}

/** `POST /v1/labels`: truths about predictions by their ids, or about rows by their event times and keys. */
export function labelRoutes(needs: LabelNeeds): ControlRoute[] {
  return [
    {
      method: 'POST',
      path: '/v1/labels',
      needs: 'publish',
      checksScope: true,
      answer: async (request) => {
        const labels = readLabels(bodyObject(request.text));
        const producer = checkName('producer', producerFor(request.caller, undefined));
        const rows = await rowsOf(needs, labels, request);
        request.caller.meter?.takeRows(rows.length);
        for (let from = 0; from < rows.length; from += gatewayLimits.publishesInFlightMax) {
          const part = rows.slice(from, from + gatewayLimits.publishesInFlightMax);
          await Promise.all(part.map((row) => needs.publish(producer, row)));
        }
        return { accepted: rows.length };
      },
    },
  ];
}

/** Every label must have its place before the first is told: a body is taken whole or not at all. */
async function rowsOf(
  { peers }: LabelNeeds,
  labels: readonly ToldLabel[],
  { caller, signal }: ControlRequest,
): Promise<LabelRow[]> {
  const places = await placesOf(peers.monitor, labels, signal);
  const systems = new Map<string, LabelledSystem>();
  const rows: LabelRow[] = [];
  for (const [at, label] of labels.entries()) {
    const field = labels.length === 1 ? '' : `labels[${at}].`;
    const { name, place } = placeOf(label.target, places, field);
    allowTouch(caller, 'system', name);
    let system = systems.get(name);
    if (!system) {
      const { specJson } = await peers.registry.getSystem({ system: checkName('system', name) });
      system = labelledSystem(name, specJson);
      systems.set(name, system);
    }
    rows.push(labelRow(system, place, label, field));
  }
  return rows;
}

/** A label may come before the monitor has heard of its prediction: it is waited for a moment. */
async function placesOf(
  monitor: Peers['monitor'],
  labels: readonly ToldLabel[],
  signal: AbortSignal,
): Promise<Map<string, PredictionPlaces>> {
  const ids = labels.flatMap(({ target }) => ('predictionId' in target ? [target.predictionId] : []));
  const found = new Map<string, PredictionPlaces>();
  const deadlineAt = performance.now() + gatewayLimits.labelledPredictionWaitMs;
  for (;;) {
    const predictionIds = [...new Set(ids)].filter((id) => !found.has(id));
    if (predictionIds.length === 0) return found;
    const { predictions } = await monitor.findPredictions({ predictionIds });
    for (const prediction of predictions) found.set(prediction.predictionId, prediction);
    if (signal.aborted || performance.now() > deadlineAt) return found;
    if (predictions.length < predictionIds.length) await setTimeout(gatewayLimits.labelledPredictionPauseMs);
  }
}

function placeOf(
  target: Target,
  places: ReadonlyMap<string, PredictionPlaces>,
  field: string,
): { name: string; place: { eventTimeMs: number; key: JsonObject } } {
  if (!('predictionId' in target)) return { name: target.system, place: target };
  const { predictionId, ordinal } = target;
  const known = places.get(predictionId);
  if (!known) {
    throw new PlatformError(
      'PREDICTION_NOT_FOUND',
      'caller',
      'after',
      `prediction ${predictionId} is not known (any more): ids are kept for a week, and only those of systems; send system, event_time and key instead`,
      { field: `${field}prediction_id` },
    );
  }
  const row = known.rows[ordinal];
  if (!row?.eventTime) {
    throw invalid(
      'LABEL_UNPLACED',
      row
        ? `row ${ordinal} of prediction ${predictionId} had no event time, so that no label can meet it; send the source's time column with the row`
        : `prediction ${predictionId} has no answered row ${ordinal} that was kept (the first ${gatewayLimits.recordedRowsMax} are); send system, event_time and key instead`,
      { field: `${field}ordinal` },
    );
  }
  return { name: known.system, place: { eventTimeMs: timestampMs(row.eventTime), key: row.key ?? {} } };
}
