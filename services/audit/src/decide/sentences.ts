import { type DescMessage, fromJson, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { type EventKind, eventKindOf, events } from '@perennial/contracts';
import { accessSentences } from './access-sentences.js';
import { dataSentences } from './data-sentences.js';
import { datasetSentences } from './dataset-sentences.js';
import type { Entry } from './entry.js';
import { modelSentences } from './model-sentences.js';
import { monitorSentences } from './monitor-sentences.js';
import { trainingSentences } from './training-sentences.js';

/** One plain sentence for each kind of event, with its numbers, without its full stop. */
export type Sentences<Name extends keyof typeof events> = {
  readonly [K in Name]: (body: MessageShape<(typeof events)[K]['schema']>) => string;
};

const sentences: Sentences<keyof typeof events> = {
  ...accessSentences,
  ...dataSentences,
  ...datasetSentences,
  ...trainingSentences,
  ...modelSentences,
  ...monitorSentences,
};

const names = new Map<EventKind, keyof typeof events>(
  Object.entries(events).map(([name, kind]) => [kind as EventKind, name as keyof typeof events]),
);

/** What an event says. An event of a later release, or one whose body cannot be read, is named by its type. */
export function sentenceOf({ eventType, service, body, dataref }: Entry): string {
  const kind = eventKindOf(eventType);
  const name = kind && names.get(kind);
  if (!kind || !name) return `${service} told ${eventType}, which this release does not know`;
  if (dataref !== undefined && Object.keys(body).length === 0) {
    return `${kind.says.replace(/\.$/, '')} (its body, ${dataref}, cannot be had)`;
  }
  const say = sentences[name] as (body: MessageShape<DescMessage>) => string;
  try {
    return say(fromJson(kind.schema, body as JsonValue, { ignoreUnknownFields: true }));
  } catch {
    return `${kind.says.replace(/\.$/, '')} (its body cannot be read)`;
  }
}
