import type { Prediction } from './gen/perennial/v1/prediction_pb.js';
import { hasIdentity, predictionFromJson, predictionsOfBinary, textOf } from './prediction-messages.js';

export interface ReadPredictions {
  /** Those that can be read, in their order. */
  readonly predictions: Prediction[];
  /** How many of the message cannot be: they name no prediction or no system, or are none. */
  readonly malformed: number;
}

/**
 * The predictions of one message of the PREDICTION stream: a PredictionBatch as ProtoJSON or in protobuf's binary
 * form, or the ProtoJSON of one Prediction, as messages were before batches. One that cannot be read takes none of its
 * neighbours with it.
 */
export function readPredictions(data: Uint8Array): ReadPredictions {
  let read: (Prediction | undefined)[];
  try {
    const text = textOf(data);
    read = text === undefined ? predictionsOfBinary(data) : fromText(text);
  } catch {
    return { predictions: [], malformed: 1 };
  }
  const predictions = read.filter((one) => one !== undefined && hasIdentity(one));
  return { predictions: predictions as Prediction[], malformed: read.length - predictions.length };
}

/** An event without a status stands for no request: it only carries how many were counted. */
export function isRequest({
  status,
  notCaptured,
}: {
  readonly status: string;
  readonly notCaptured: bigint | number;
}): boolean {
  return status !== '' || Number(notCaptured) === 0;
}

function fromText(text: string): (Prediction | undefined)[] {
  const json = JSON.parse(text) as { predictions?: unknown };
  const list = 'predictions' in json ? json.predictions : [json];
  return Array.isArray(list) ? list.map(predictionFromJson) : [undefined];
}
