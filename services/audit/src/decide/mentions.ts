import type { JsonObject } from './entry.js';

/** Fields of event bodies that name a thing, and the kind of thing. The same name means the same thing everywhere. */
const idFields: Readonly<Record<string, string>> = {
  system: 'system',
  source: 'source',
  segmentId: 'segment',
  quarantineId: 'quarantine',
  repairId: 'repair',
  datasetId: 'dataset',
  runId: 'training-run',
  evaluationId: 'evaluation',
  rolloutId: 'rollout',
  reviewId: 'review',
  reportId: 'drift-report',
  alertId: 'alert',
  deadLetterId: 'dead-letter',
  deployment: 'deployment',
  keyId: 'api-key',
};

export const modelThing = (system: string, version: number) => `model:${system}@${version}`;
export const aliasThing = (system: string, alias: string) => `alias:${system}@${alias}`;

/**
 * Things that an event is about, as `<kind>:<id>`, sorted. Read from the body's fields and not from its type, so that
 * events of a later release are found by what they name, too.
 */
export function mentionsOf({ eventType, body }: { eventType: string; body: JsonObject }): string[] {
  const things = new Set<string>();
  for (const [field, kind] of Object.entries(idFields)) {
    const id = body[field];
    if (typeof id === 'string' && id !== '') things.add(`${kind}:${id}`);
  }
  const { system, modelVersion, version, alias, digest } = body;
  if (typeof system === 'string') {
    if (typeof modelVersion === 'number') things.add(modelThing(system, modelVersion));
    // Elsewhere a version is that of a system or a schema.
    if (/\.model\./.test(eventType) && typeof version === 'number') things.add(modelThing(system, version));
    if (typeof alias === 'string') things.add(aliasThing(system, alias));
  }
  // Segments in a dataset's manifest stand there by digest.
  if (/\.segment\./.test(eventType) && typeof digest === 'string') things.add(`digest:${digest}`);
  return [...things].sort();
}
