import { fromBinary, fromJson, type JsonValue } from '@bufbuild/protobuf';
import {
  type Prediction,
  PredictionBatchSchema,
  PredictionSchema,
} from './gen/perennial/v1/prediction_pb.js';

/** JSON of an object begins with a brace, and no field's tag is that byte. */
const openingBrace = 0x7b;
const utf8 = new TextDecoder();

/** The message's JSON; undefined where it is in the binary form. */
export function textOf(data: Uint8Array): string | undefined {
  return data[0] === openingBrace ? utf8.decode(data) : undefined;
}

/** @throws Error where it is no PredictionBatch. */
export function predictionsOfBinary(data: Uint8Array): Prediction[] {
  return fromBinary(PredictionBatchSchema, data).predictions;
}

/** Undefined where it is no ProtoJSON of a Prediction. */
export function predictionFromJson(json: unknown): Prediction | undefined {
  try {
    return fromJson(PredictionSchema, json as JsonValue, { ignoreUnknownFields: true });
  } catch {
    return undefined;
  }
}

export function hasIdentity({ predictionId, system }: Prediction): boolean {
  return predictionId !== '' && system !== '';
}
