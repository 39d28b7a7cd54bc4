import { batchHandler, type Emitter } from '@perennial/bus';
import {
  CaptureLevel,
  isRequest,
  type PlainPrediction,
  predictionFilter,
  readPlainPredictions,
} from '@perennial/contracts';
import { invalid, uuidv5 } from '@perennial/kernel';
import type { System } from '@perennial/spec';
import { type Context, type Stores, storesOf } from '../context.js';
import { isImportedOnly } from '../decide/imported-only.js';
import { isAnswered, keptRows } from '../decide/prediction-rows.js';
import { joinKnownLabels } from '../join-labels.js';
import { monitorLimits } from '../limits.js';
import type { Place } from '../store/rows.js';
import { tellRewards } from '../tell-rewards.js';
import { raise, watchChampion } from '../watch-champion.js';

/** Under load the predictions of this long share a transaction; a lone one is taken in at once. */
const sharedMs = 100;
/** The same where none of a batch was watched: then a transaction only moves the position, and costs what others do. */
const passedByMs = 500;

/** Every request that was answered, or failed: counted once by its id, its rows kept for their labels. */
export function predictions(context: Context) {
  let everyMs = sharedMs;
  return batchHandler({
    consumer: 'monitor-predictions',
    stream: 'PREDICTION',
    filter: predictionFilter,
    everyMs: () => everyMs,
    handle: async ({ messages, tx, emitFor, park }) => {
      const stores = storesOf(context, tx);
      const bySystem = new Map<string, PlainPrediction[]>();
      for (const message of messages) {
        const deployment = deploymentOf(context.tenant, message.subject);
        // A model that was brought by itself has no labels, and nobody to review it.
        if (deployment === undefined || isImportedOnly(message.data)) continue;
        const { predictions, malformed } = readPlainPredictions(message.data);
        if (malformed > 0) await park(message, malformedError(malformed));
        for (const prediction of predictions) {
          if (prediction.imported || prediction.deployment !== deployment) continue;
          const asked = bySystem.get(prediction.system);
          if (asked) asked.push(prediction);
          else bySystem.set(prediction.system, [prediction]);
        }
      }
      everyMs = bySystem.size > 0 ? sharedMs : passedByMs;
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

/** Undefined where it is of another tenant. */
function deploymentOf(tenant: string, subject: string): string | undefined {
  const [, owner, , deployment] = subject.split('.');
  return owner === tenant ? deployment : undefined;
}

async function takeIn(
  context: Context,
  stores: Stores,
  { system, asked, emit }: { system: System; asked: PlainPrediction[]; emit: Emitter },
): Promise<void> {
  await stores.facts.lockSource(system.source.name);
  const fresh = await freshOf(stores, asked);
  if (fresh.length === 0) return;
  const newest = Math.max(...fresh.map(({ receivedAt }) => receivedAt));
  const requests = fresh.filter(isRequest);
  const failed = requests.filter((prediction) => !isAnswered(prediction));
  const counted = fresh.reduce((sum, { notCaptured }) => sum + notCaptured, 0);
  await stores.rows.count(system.name, {
    predictions: requests.length + counted,
    failed: failed.length,
    newest,
  });
  await stores.rows.forgetSeen(newest, monitorLimits.seenPredictionsDays);
  const telling = { context, stores, emit };
  if (failed[0]) await raise(telling, failureAlert(system, failed[0]));
  const unseen = fresh.find(
    ({ capture }) => capture === CaptureLevel.NONE || capture === CaptureLevel.METADATA,
  );
  if (unseen) await raise(telling, notWatchedAlert(system, unseen));
  const rows = keptRows(system, fresh);
  if (rows.length === 0) return;
  await stores.rows.add(system.name, rows);
  const times = rows.map(({ eventTime }) => eventTime);
  const span = { from: Math.min(...times), to: Math.max(...times) };
  if ((await joinKnownLabels(context, stores, system, span)) === 0) return;
  await watchChampion(telling, system);
  await tellRewards(telling, system);
}

/** Those whose ids were not seen before, each once. */
async function freshOf(stores: Stores, asked: readonly PlainPrediction[]): Promise<PlainPrediction[]> {
  const byId = new Map(asked.map((prediction) => [prediction.predictionId, prediction]));
  const ids = await stores.rows.addSeen(
    [...byId.values()].map((prediction) => ({
      predictionId: prediction.predictionId,
      receivedAt: prediction.receivedAt,
      system: prediction.system,
      places: placesOf(prediction),
    })),
  );
  return [...byId.values()].filter(({ predictionId }) => ids.has(predictionId));
}

/** Where its rows lie; nothing where nobody got an answer that a label could be about. */
function placesOf(prediction: PlainPrediction): Place[] {
  if (!isAnswered(prediction)) return [];
  return prediction.rows.map(({ eventTime, key }) => [eventTime ?? null, key]);
}

/** One alert for each epoch and kind of failure: a burst is one thing to look at. */
function failureAlert(system: System, { epoch, status, predictionId }: PlainPrediction) {
  return {
    alertId: uuidv5('alert', 'failed-request', system.name, String(epoch), status),
    system: system.name,
    kind: 'failed-requests',
    text: `a request for ${system.name} failed with ${status || 'no status'} in epoch ${epoch}; the first is prediction ${predictionId}`,
  };
}

/** Once for each epoch: it is a choice, and no fault, but one that somebody may have forgotten. */
function notWatchedAlert(system: System, { epoch, capture }: PlainPrediction) {
  const level = capture === CaptureLevel.NONE ? 'none' : 'metadata';
  return {
    alertId: uuidv5('alert', 'not-watched', system.name, String(epoch), level),
    system: system.name,
    kind: 'not-watched',
    text:
      `requests for ${system.name} are answered but their rows are not kept (serve.capture.level is ${level}): ` +
      'neither its error nor drift can be measured; set the level to full to have it watched',
  };
}

/** Those that can be read count all the same; sent again after a repair, they are known by their ids. */
function malformedError(count: number) {
  return invalid(
    'PREDICTION_MALFORMED',
    `${count} of the message's predictions are no prediction events with an id and a system`,
    { field: 'body' },
  );
}
