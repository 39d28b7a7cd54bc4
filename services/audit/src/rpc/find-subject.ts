import { events, eventType } from '@perennial/contracts';
import { notFound } from '@perennial/kernel';
import type { RecordedEvent } from '../decide/chain.js';
import { aliasThing, modelThing } from '../decide/mentions.js';
import type { Subject, SubjectKind } from '../decide/subject.js';
import type { Listings } from '../listings.js';

/** As many as fit into a sentence. */
const shownMax = 8;

const promoted = eventType(events.modelPromoted);
const modelTypes = [events.modelRegistered, events.modelTested].map(eventType);

/** Which events made a thing what it is; the last of them is where its chain begins. Absent: any event about it. */
const typesOf: Partial<Record<SubjectKind, readonly string[]>> = {
  system: [
    events.systemApplied,
    events.rolloutRequested,
    events.rolloutAdvanced,
    events.modelPromoted,
    events.deploymentUpdated,
    events.reviewConcluded,
  ].map(eventType),
  deployment: [eventType(events.deploymentUpdated)],
  rollout: [events.rolloutRequested, events.rolloutAdvanced].map(eventType),
  dataset: [events.datasetMaterialized, events.datasetRefused].map(eventType),
  'training-run': [events.trainingRunStarted, events.trainingRunCompleted, events.trainingRunFailed].map(
    eventType,
  ),
  evaluation: [eventType(events.evaluationCompleted)],
  review: [eventType(events.reviewConcluded)],
  'drift-report': [eventType(events.driftReportRecorded)],
};

/**
 * The event that a subject stands at.
 *
 * @throws PlatformError SUBJECT_NOT_FOUND, which says what there is
 */
export async function findSubject(listings: Listings, subject: Subject): Promise<RecordedEvent> {
  const { kind, id } = subject;
  if (kind === 'model') return findModel(listings, subject);
  const event =
    kind === 'event' ? await listings.event(id) : await listings.latest(`${kind}:${id}`, typesOf[kind]);
  if (event) return event;
  if (kind === 'event') throw unknown(`event "${id}" is not recorded; events list shows those that are`);
  const ids = await listings.things(kind, shownMax);
  throw unknown(`nothing is recorded about ${kind} "${id}"; ${known(kind, ids)}`);
}

/** The version that a model's reference means: a number, an alias, or `previous`, the one before the champion. */
export async function resolveVersion(listings: Listings, { id, reference }: Subject): Promise<number> {
  if (/^\d{1,9}$/.test(reference)) return Number(reference);
  const alias = reference === 'previous' ? 'champion' : reference;
  const moved = await listings.latest(aliasThing(id, alias), [promoted]);
  const version = moved?.entry.body[reference === 'previous' ? 'previousVersion' : 'version'];
  if (typeof version === 'number') return version;
  throw await unknownModel(listings, { id, reference });
}

async function findModel(listings: Listings, subject: Subject): Promise<RecordedEvent> {
  const thing = modelThing(subject.id, await resolveVersion(listings, subject));
  const event = (await listings.latest(thing, [promoted])) ?? (await listings.latest(thing, modelTypes));
  if (event) return event;
  throw await unknownModel(listings, subject);
}

async function unknownModel(listings: Listings, { id, reference }: { id: string; reference: string }) {
  const models = await listings.things('model', 1_000);
  const versions = models.filter((model) => model.startsWith(`${id}@`)).map((model) => model.split('@')[1]);
  if (versions.length > 0) {
    const shown = versions.slice(0, shownMax).join(', ');
    return unknown(
      `${id} has no "${reference}"; it has version ${shown}, and the aliases champion and previous`,
    );
  }
  const systems = await listings.things('system', shownMax);
  if (systems.includes(id)) return unknown(`${id} has no model yet; ask why system ${id}`);
  return unknown(`there is no system "${id}"; ${known('system', systems)}`);
}

function known(kind: string, ids: readonly string[]): string {
  return ids.length === 0 ? `no ${kind} is recorded yet` : `the last ones recorded are ${ids.join(', ')}`;
}

function unknown(message: string) {
  return notFound('SUBJECT_NOT_FOUND', `subject: ${message}`, { field: 'subject' });
}
