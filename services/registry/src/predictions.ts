import {
  isRequest,
  type PlainPrediction,
  predictionSubject,
  readPlainPredictions,
} from '@perennial/contracts';

/** A message of the PREDICTION stream, as far as this service looks at it. */
export interface RawPrediction {
  readonly subject: string;
  readonly data: Uint8Array;
}

export interface Sorted<Message extends RawPrediction> {
  readonly bySystem: Map<string, PlainPrediction[]>;
  readonly malformed: Message[];
}

/**
 * Decodes only what belongs to a system whose rollout waits for predictions; everything else is passed by unread.
 * A deployment has its system's name. A message is malformed where nothing of it can be read.
 */
export function sortPredictions<Message extends RawPrediction>(
  tenant: string,
  watched: readonly string[],
  messages: readonly Message[],
): Sorted<Message> {
  const systemOf = new Map(watched.map((system) => [predictionSubject(tenant, system), system]));
  const bySystem = new Map<string, PlainPrediction[]>();
  const malformed: Message[] = [];
  for (const message of messages) {
    const system = systemOf.get(message.subject);
    if (system === undefined) continue;
    const { predictions } = readPlainPredictions(message.data);
    if (predictions.length === 0) malformed.push(message);
    const told = bySystem.get(system) ?? [];
    told.push(...predictions.filter(isRequest));
    if (told.length > 0) bySystem.set(system, told);
  }
  return { bySystem, malformed };
}
