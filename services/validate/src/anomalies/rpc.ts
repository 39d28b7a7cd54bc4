import { create, type JsonObject } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type CheckRowsRequest,
  CheckRowsResponseSchema,
  type ListAnomaliesRequest,
  ListAnomaliesResponseSchema,
} from '@perennial/contracts';
import { invalid, notFound } from '@perennial/kernel';
import type { HeldReason } from '../causes/findings.js';
import { findingOf, kindOf, segmentKind } from '../messages.js';
import { profileBetween } from '../profile/profile-store.js';
import type { RpcContext } from '../rpc/context.js';
import type { Value } from '../schema/value.js';
import { findKnowledge, type Origin } from '../store.js';
import { checkRows } from './check-rows.js';
import { listAnomalies } from './store.js';

const limitUsual = 100;
const limitMax = 1_000;
/** Rows that are checked in one call; more are published. */
const checkedMax = 10_000;

export async function listAnomaliesOf(
  { db, tenant }: RpcContext,
  { source, kind, type, limit, beforeAnomalyId }: ListAnomaliesRequest,
) {
  const origin = originOf(tenant, source, kind);
  if (beforeAnomalyId && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(beforeAnomalyId)) {
    throw invalid('ANOMALY_ID', 'before_anomaly_id: give the id of an anomaly', {
      field: 'before_anomaly_id',
    });
  }
  const listed = await listAnomalies(db, origin, {
    ...{ type, before: beforeAnomalyId || undefined },
    limit: Math.min(limit || limitUsual, limitMax),
  });
  return create(ListAnomaliesResponseSchema, {
    anomalies: listed.map((one) => ({
      anomalyId: one.anomalyId,
      source: one.source,
      kind: segmentKind(one.kind),
      segmentId: one.segmentId ?? '',
      finding: findingOf(one.finding, one.producer),
      foundAt: timestampFromMs(one.foundAt),
    })),
  });
}

/** What the schema in force says of rows that nobody recorded; serving rows are compared with all verified ones. */
export async function checkRowsOf(
  { db, tenant, clock }: RpcContext,
  { source, kind, environment, rows }: CheckRowsRequest,
) {
  const origin = originOf(tenant, source, kind);
  if (environment !== '' && environment !== 'training' && environment !== 'serving') {
    throw invalid('ANOMALY_ENVIRONMENT', 'environment: training or serving', { field: 'environment' });
  }
  if (rows.length === 0 || rows.length > checkedMax) {
    throw invalid('ANOMALY_ROWS', `rows: 1 to ${checkedMax} rows are checked in one call`, { field: 'rows' });
  }
  const known = await findKnowledge(db, origin);
  if (!known) {
    throw notFound('SCHEMA_NOT_FOUND', `source: no ${origin.kind} of "${source}" were verified yet`, {
      field: 'source',
    });
  }
  const { profile: training } = await profileBetween(db, origin);
  const { held, reasons } = checkRows(rows.map(cellsOf), {
    ...{ known, training, now: clock.now() },
    environment: environment || 'training',
  });
  return create(CheckRowsResponseSchema, {
    ...{ schemaVersion: known.version, rowsChecked: rows.length, rowsHeld: held },
    findings: reasons.map((reason: HeldReason) => findingOf(reason, '')),
  });
}

/** Cells as ingest reads them: lists and maps as JSON. */
function cellsOf(row: JsonObject): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'object' && value !== null ? JSON.stringify(value) : value,
    ]),
  );
}

function originOf(tenant: string, source: string, kind: ListAnomaliesRequest['kind']): Origin {
  if (!source) throw invalid('ANOMALY_SOURCE', 'source: name the source', { field: 'source' });
  return { tenant, source, kind: kind === 0 ? 'rows' : kindOf(kind) };
}
