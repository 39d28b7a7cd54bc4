import { fromBinary, fromJsonString } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { batchHandler, type Emitter, type RawMessage } from '@perennial/bus';
import { type Prediction, PredictionSchema, predictionFilter, predictionSubject } from '@perennial/contracts';
import { invalid, uuidv5 } from '@perennial/kernel';
import type { System } from '@perennial/spec';
import { type Context, type Stores, storesOf } from '../context.js';
import { isAnswered, keptRows } from '../decide/prediction-rows.js';
import { joinKnownLabels } from '../join-labels.js';
import { monitorLimits } from '../limits.js';
import type { Place } from '../store/rows.js';
import { raise, watchChampion } from '../watch-champion.js';

/** Under load the predictions of this long share a transaction; a lone one is taken in at once. */
const everyMs = 100;

/** Every request that was answered, or failed: counted once by its id, its rows kept for their labels. */
export function predictions(context: Context) {
  return batchHandler({
    consumer: 'monitor-predictions',
    stream: 'PREDICTION',
    filter: predictionFilter,
    everyMs,
    handle: async ({ messages, tx, emitFor, park }) => {
      const stores = storesOf(context, tx);
      const bySystem = new Map<string, Prediction[]>();
      for (const message of messages) {
        const prediction = decode(message);
        if (!prediction) {
          await park(
            message,
            invalid('PREDICTION_MALFORMED', 'the message is no prediction event with an id and a system', {
              field: 'body',
            }),
          );
        } else if (message.subject === predictionSubject(context.tenant, prediction.deployment)) {
          bySystem.set(prediction.system, [...(bySystem.get(prediction.system) ?? []), prediction]);
        }
      }
      for (const [name, asked] of [...bySystem].sort(([a], [b]) => (a < b ? -1 : 1))) {
        await takeIn(context, stores, {
          system: await stores.facts.systemOrLater(name),
          asked,
          emit: emitFor(),
        });
      }
    },
  });
}

async function takeIn(
  context: Context,
  stores: Stores,
  { system, asked, emit }: { system: System; asked: Prediction[]; emit: Emitter },
): Promise<void> {
  await stores.facts.lockSource(system.source.name);
  const fresh = await freshOf(stores, asked);
  if (fresh.length === 0) return;
  const newest = Math.max(...fresh.map(receivedAt));
  const failed = fresh.filter((prediction) => !isAnswered(prediction));
  await stores.rows.count(system.name, { predictions: fresh.length, failed: failed.length, newest });
  await stores.rows.forgetSeen(newest, monitorLimits.seenPredictionsDays);
  const telling = { context, stores, emit };
  if (failed[0]) await raise(telling, failureAlert(system, failed[0]));
  const rows = keptRows(system, fresh);
  if (rows.length === 0) return;
  await stores.rows.add(system.name, rows);
  const times = rows.map(({ eventTime }) => eventTime);
  const span = { from: Math.min(...times), to: Math.max(...times) };
  if ((await joinKnownLabels(context, stores, system, span)) > 0) await watchChampion(telling, system);
}

/** Those whose ids were not seen before, each once. */
async function freshOf(stores: Stores, asked: readonly Prediction[]): Promise<Prediction[]> {
  const byId = new Map(asked.map((prediction) => [prediction.predictionId, prediction]));
  const ids = await stores.rows.addSeen(
    [...byId.values()].map((prediction) => ({
      predictionId: prediction.predictionId,
      receivedAt: receivedAt(prediction),
      system: prediction.system,
      places: placesOf(prediction),
    })),
  );
  return [...byId.values()].filter(({ predictionId }) => ids.has(predictionId));
}

/** Where its rows lie; nothing where nobody got an answer that a label could be about. */
function placesOf(prediction: Prediction): Place[] {
  if (!isAnswered(prediction)) return [];
  return prediction.rows.map(({ eventTime, key }) => [eventTime ? timestampMs(eventTime) : null, key ?? {}]);
}

/** One alert for each epoch and kind of failure: a burst is one thing to look at. */
function failureAlert(system: System, { epoch, status, predictionId }: Prediction) {
  return {
    alertId: uuidv5('alert', 'failed-request', system.name, String(epoch), status),
    system: system.name,
    kind: 'failed-requests',
    text: `a request for ${system.name} failed with ${status || 'no status'} in epoch ${epoch}; the first is prediction ${predictionId}`,
  };
}

function receivedAt(prediction: Prediction): number {
  return prediction.receivedAt ? timestampMs(prediction.receivedAt) : 0;
}

/** ProtoJSON, or protobuf's binary form: JSON of an object begins with a brace, and no field's tag is that byte. */
function decode({ data }: RawMessage): Prediction | undefined {
  try {
    const prediction =
      data[0] === 0x7b
        ? fromJsonString(PredictionSchema, new TextDecoder().decode(data), { ignoreUnknownFields: true })
        : fromBinary(PredictionSchema, data);
    return prediction.predictionId && prediction.system ? prediction : undefined;
  } catch {
    return undefined;
  }
}
