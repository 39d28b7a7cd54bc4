import type { Emitter } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { digestOf } from '@perennial/kernel';
import { canonicalSchema } from '@perennial/spec';
import type { SegmentFiles } from './effects/segment-files.js';
import { schemaAggregate, segmentKind } from './messages.js';
import type { Profile } from './profile/profile.js';
import { schemaInForce } from './schema/in-force.js';
import { inferSchema } from './schema/learned.js';
import { type Origin, type SourceKnowledge, type Store, saveKnowledge, saveSchemaVersion } from './store.js';

/**
 * Writes what verified rows taught. Where the schema differs from the one in force it becomes the next version, and
 * that is told. Returns what is known from here on.
 */
export async function learn(
  tx: Store,
  emit: Emitter,
  {
    files,
    origin,
    known,
    profile,
    now,
  }: { files: SegmentFiles; origin: Origin; known: SourceKnowledge; profile: Profile; now: number },
): Promise<SourceKnowledge> {
  const schema = inferSchema(profile, known.schema, known.accepted);
  const document = schemaInForce(origin, schema, known.accepted);
  const json = canonicalSchema(document);
  const digest = digestOf(json);
  if (digest === known.digest || profile.rows === 0) {
    const same = { ...known, profile };
    await saveKnowledge(tx, origin, same);
    return same;
  }
  // Content-addressed: written before the commit, and harmless without it.
  await files.storeText(json);
  const next = { ...known, profile, schema, document, digest, version: known.version + 1 };
  await saveKnowledge(tx, origin, next);
  await saveSchemaVersion(tx, origin, next, { now, by: '' });
  await emit(events.schemaAccepted, schemaAggregate(origin.source, origin.kind), {
    source: origin.source,
    kind: segmentKind(origin.kind),
    version: next.version,
    digest,
  });
  return next;
}
