import { fromBinary, fromJson, type JsonValue } from '@bufbuild/protobuf';
import {
  type Prediction,
  PredictionBatchSchema,
  PredictionSchema,
} from './gen/perennial/v1/prediction_pb.js';

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
    read = data[0] === openingBrace ? fromText(data) : fromBinary(PredictionBatchSchema, data).predictions;
  } catch {
    return { predictions: [], malformed: 1 };
  }
  const predictions = read.filter((one) => one !== undefined && one.predictionId !== '' && one.system !== '');
  return { predictions: predictions as Prediction[], malformed: read.length - predictions.length };
}

/** An event without a status stands for no request: it only carries how many were counted. */
export function isRequest({ status, notCaptured }: Prediction): boolean {
  return status !== '' || notCaptured === 0n;
}

/** JSON of an object begins with a brace, and no field's tag is that byte. */
const openingBrace = 0x7b;

function fromText(data: Uint8Array): (Prediction | undefined)[] {
  const json = JSON.parse(new TextDecoder().decode(data)) as { predictions?: unknown };
  const list = 'predictions' in json ? json.predictions : [json];
  if (!Array.isArray(list)) return [undefined];
  return list.map((one: JsonValue) => {
    try {
      return fromJson(PredictionSchema, one, { ignoreUnknownFields: true });
    } catch {
      return undefined;
    }
  });
}
