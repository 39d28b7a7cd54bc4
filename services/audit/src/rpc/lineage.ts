import { events, eventType } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import type { Entry } from '../decide/entry.js';
import { Lineage, segmentDigests, textOf } from '../decide/lineage.js';
import { modelThing } from '../decide/mentions.js';
import { parseSubject, type Subject } from '../decide/subject.js';
import { readJson, withBody } from '../effects/bodies.js';
import type { RpcContext } from './context.js';
import { findSubject, resolveVersion } from './find-subject.js';

const registered = eventType(events.modelRegistered);
const materialized = eventType(events.datasetMaterialized);
const verified = eventType(events.segmentVerified);
const recorded = eventType(events.segmentRecorded);
const applied = eventType(events.systemApplied);

/** What a model, dataset, segment or system was made of, and what was made of it. */
export async function getLineage(context: RpcContext, request: { subject: string }) {
  const subject = parseSubject(request.subject);
  // Says what there is, where this is not.
  await findSubject(context.listings, subject);
  const lineage = new Lineage();
  if (subject.kind === 'segment') await addFromSegment(context, lineage, subject.id);
  else if (subject.kind === 'system') await addSystem(context, lineage, subject.id);
  else if (subject.kind === 'dataset') await addDataset(context, lineage, subject.id);
  else await addModels(context, lineage, await modelThingOf(context, subject));
  return { nodes: lineage.nodes, edges: lineage.edges };
}

async function modelThingOf({ listings }: RpcContext, subject: Subject): Promise<string> {
  const { kind, id } = subject;
  if (kind === 'model') return modelThing(id, await resolveVersion(listings, subject));
  if (kind === 'training-run' || kind === 'evaluation' || kind === 'rollout') return `${kind}:${id}`;
  throw invalid(
    'LINEAGE_SUBJECT',
    `subject: a ${kind} has no lineage; ask for a model, dataset, segment, system, training-run, evaluation or rollout`,
    { field: 'subject' },
  );
}

async function addModels(context: RpcContext, lineage: Lineage, thing: string): Promise<void> {
  for (const { entry } of await context.listings.aboutAny([thing], [registered])) {
    await addDatasetParts(context, lineage, lineage.addModel(entry));
  }
}

/** A system's models and datasets; their segments are shown for each dataset when asked for. */
async function addSystem(context: RpcContext, lineage: Lineage, system: string): Promise<void> {
  const things = [`system:${system}`];
  for (const { entry } of await context.listings.aboutAny(things, [registered])) lineage.addModel(entry);
  for (const { entry } of await context.listings.aboutAny(things, [materialized])) lineage.addDataset(entry);
}

async function addDataset(context: RpcContext, lineage: Lineage, id: string): Promise<void> {
  const things = [`dataset:${id}`];
  for (const { entry } of await context.listings.aboutAny(things, [registered])) lineage.addModel(entry);
  await addDatasetParts(context, lineage, id);
}

async function addDatasetParts(context: RpcContext, lineage: Lineage, datasetId: string): Promise<void> {
  const dataset = await context.listings.latest(`dataset:${datasetId}`, [materialized]);
  if (!dataset) return;
  lineage.addDataset(dataset.entry);
  const digests = await digestsOf(context, dataset.entry);
  const known = await segmentsByDigest(context, digests, await sourceOf(context, dataset.entry));
  const nodes = new Map<string, string[]>();
  for (const digest of digests) {
    const event = known.get(digest);
    const node = lineage.addSegment(digest, event);
    lineage.madeOf(datasetId, node);
    const id = textOf(event?.body ?? {}, 'segmentId');
    nodes.set(id, [...(nodes.get(id) ?? []), node]);
  }
  await addRecorded(context, lineage, nodes);
}

async function addRecorded(
  { listings }: RpcContext,
  lineage: Lineage,
  nodesOf: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  const things = [...nodesOf.keys()].filter((id) => id !== '').map((id) => `segment:${id}`);
  for (const { entry } of await listings.aboutAny(things, [recorded])) {
    for (const node of nodesOf.get(textOf(entry.body, 'segmentId')) ?? []) lineage.addRecorded(node, entry);
  }
}

/** The source that the dataset's system names, or empty where the log does not know that version. */
async function sourceOf(context: RpcContext, { body }: Entry): Promise<string> {
  const versions = await context.listings.aboutAny([`system:${textOf(body, 'system')}`], [applied]);
  const version = Number(body['systemVersion'] ?? 0);
  const own = versions.find(({ entry }) => Number(entry.body['version'] ?? 0) === version);
  if (!own) return '';
  const { body: whole } = await withBody(context.artifacts, own.entry);
  const spec = JSON.parse(textOf(whole, 'specJson') || '{}') as { source?: { name?: string } };
  return spec.source?.name ?? '';
}

/** Equal rows of two sources are one file; the dataset's own source says which of them is meant. */
async function segmentsByDigest({ listings }: RpcContext, digests: readonly string[], source: string) {
  const found = await listings.aboutAny(
    digests.map((digest) => `digest:${digest}`),
    [verified],
  );
  const isOwn = ({ body }: Entry) => textOf(body, 'source') === source;
  const entries = found.map(({ entry }) => entry);
  const ordered = [...entries.filter((entry) => !isOwn(entry)), ...entries.filter(isOwn)];
  return new Map<string, Entry>(ordered.map((entry) => [textOf(entry.body, 'digest'), entry]));
}

/** A segment, the datasets whose manifests list it, and the models made of those. */
async function addFromSegment(context: RpcContext, lineage: Lineage, segmentId: string): Promise<void> {
  const { listings } = context;
  const things = [`segment:${segmentId}`];
  const own = new Map<string, string>();
  for (const { entry } of await listings.aboutAny(things, [verified])) {
    const digest = textOf(entry.body, 'digest');
    own.set(digest, lineage.addSegment(digest, entry));
  }
  await addRecorded(context, lineage, new Map([[segmentId, [...own.values()]]]));
  for (const dataset of await listings.ofType(materialized)) {
    const id = textOf(dataset.entry.body, 'datasetId');
    const used = (await digestsOf(context, dataset.entry)).filter((digest) => own.has(digest));
    if (used.length === 0) continue;
    lineage.addDataset(dataset.entry);
    for (const digest of used) lineage.madeOf(id, own.get(digest) ?? '');
    for (const { entry } of await listings.aboutAny([`dataset:${id}`], [registered])) lineage.addModel(entry);
  }
}

async function digestsOf({ artifacts }: RpcContext, dataset: Entry): Promise<string[]> {
  const { body } = await withBody(artifacts, dataset);
  return segmentDigests(await readJson(artifacts, textOf(body, 'manifestDigest')));
}
