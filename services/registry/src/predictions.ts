import { fromBinary, fromJsonString } from '@bufbuild/protobuf';
import { type Prediction, PredictionSchema, predictionSubject } from '@perennial/contracts';

/** A message of the PREDICTION stream, as far as this service looks at it. */
export interface RawPrediction {
  readonly subject: string;
  readonly data: Uint8Array;
}

export interface Sorted<Message extends RawPrediction> {
  readonly bySystem: Map<string, Prediction[]>;
  readonly malformed: Message[];
}

/**
 * Decodes only what belongs to a system whose rollout waits for predictions; everything else is passed by unread.
 * A deployment has its system's name.
 */
export function sortPredictions<Message extends RawPrediction>(
  tenant: string,
  watched: readonly string[],
  messages: readonly Message[],
): Sorted<Message> {
  const systemOf = new Map(watched.map((system) => [predictionSubject(tenant, system), system]));
  const bySystem = new Map<string, Prediction[]>();
  const malformed: Message[] = [];
  for (const message of messages) {
    const system = systemOf.get(message.subject);
    if (system === undefined) continue;
    const prediction = decode(message.data);
    if (!prediction) malformed.push(message);
    else bySystem.set(system, [...(bySystem.get(system) ?? []), prediction]);
  }
  return { bySystem, malformed };
}

/** ProtoJSON, or protobuf's binary form: JSON of an object begins with a brace, and no field's tag is that byte. */
function decode(data: Uint8Array): Prediction | undefined {
  try {
    const prediction =
      data[0] === 0x7b
        ? fromJsonString(PredictionSchema, new TextDecoder().decode(data), { ignoreUnknownFields: true })
        : fromBinary(PredictionSchema, data);
    return prediction.predictionId ? prediction : undefined;
  } catch {
    return undefined;
  }
}
