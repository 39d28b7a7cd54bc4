import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type ApplySourceRequest,
  ApplySourceResponseSchema,
  type CheckSystemRequest,
  CheckSystemResponseSchema,
  events,
  type GetSourceRequest,
  GetSourceResponseSchema,
  ListSourcesResponseSchema,
  type SourceSummarySchema,
} from '@perennial/contracts';
import { canonicalSource, diffSources, parseSource, parseSystem, sourceFromJson } from '@perennial/spec';
import { segmentKind } from '../record.js';
import { checkDocument, checkSystems, readingOf } from '../sources/declare.js';
import {
  findDocument,
  findSource,
  listSources,
  lockSource,
  type SourceInNumbers,
  saveDocument,
  saveSource,
  systemsOf,
} from '../sources/store.js';
import type { Store } from '../store.js';
import type { RpcContext } from './context.js';
import { knownSource } from './known-source.js';

/**
 * Makes a document of kind Source so: from then on it says how rows are read, whatever systems leave open.
 *
 * @throws PlatformError SPEC_INVALID, SOURCE_CONFLICT
 */
export async function applySource(
  { tenant, clock, transact, lookForWaiting }: RpcContext,
  { documentYaml, dryRun, appliedBy }: ApplySourceRequest,
) {
  const source = parseSource(documentYaml);
  const { name } = source;
  const answer = await transact(async (tx, emit) => {
    await lockSource(tx, tenant, name);
    await checkSystems(tx, tenant, source);
    const before = await findDocument(tx, tenant, name);
    const changes = diffSources(before && sourceFromJson(before.json), source);
    const said = { source: name, created: !before, changes };
    if (changes.length === 0 || dryRun)
      return create(ApplySourceResponseSchema, { ...said, version: before?.version ?? 0 });
    const version = (before?.version ?? 0) + 1;
    const json = canonicalSource(source);
    const declaredBy = appliedBy;
    const document = { version, json, declaredBy, declaredAt: new Date(clock.now()) };
    await saveDocument(tx, { tenant, source: name, document });
    await saveSource(tx, tenant, readingOf(source, version));
    await emit(events.sourceDeclared, name, { source: name, version, documentJson: json, declaredBy });
    return create(ApplySourceResponseSchema, { ...said, version });
  });
  lookForWaiting();
  return answer;
}

/** @throws PlatformError SPEC_INVALID, SOURCE_CONFLICT */
export async function checkSystem({ db, tenant }: RpcContext, { specYaml }: CheckSystemRequest) {
  await checkDocument(db, tenant, parseSystem(specYaml));
  return create(CheckSystemResponseSchema, {});
}

export async function sourcesOf({ db, tenant }: RpcContext) {
  const sources = await listSources(db, tenant);
  return create(ListSourcesResponseSchema, {
    sources: await Promise.all(sources.map((source) => summaryOf(db, tenant, source))),
  });
}

/** @throws PlatformError SOURCE_NOT_FOUND */
export async function sourceOf({ db, tenant }: RpcContext, { source }: GetSourceRequest) {
  await knownSource(db, tenant, source);
  const numbers = await listSources(db, tenant, source);
  const rows = numbers.find(({ kind }) => kind === 'rows') ?? numbers[0];
  const document = await findDocument(db, tenant, source);
  return create(GetSourceResponseSchema, {
    ...(rows && { summary: await summaryOf(db, tenant, rows) }),
    ...(document && {
      documentJson: document.json,
      declaredBy: document.declaredBy,
      declaredAt: timestampFromDate(document.declaredAt),
    }),
  });
}

async function summaryOf(
  db: Store,
  tenant: string,
  { source, kind, rows, segments, lastEventTime }: SourceInNumbers,
): Promise<MessageInitShape<typeof SourceSummarySchema>> {
  const reading = await findSource(db, tenant, source);
  const systems = await systemsOf(db, tenant, source);
  return {
    source,
    kind: segmentKind(kind),
    rows: BigInt(rows),
    segments,
    systems: systems.map(({ system }) => system),
    ...(lastEventTime && { lastEventTime: timestampFromDate(lastEventTime) }),
    ...(reading && {
      timeColumn: reading.timeColumn,
      key: [...reading.keyColumns],
      zone: reading.zone ?? '',
      watermarkMs: BigInt(Math.round(reading.late.watermarkMs ?? 0)),
      latePolicy: reading.late.policy,
      version: reading.version,
    }),
  };
}
