import { create, type JsonObject } from '@bufbuild/protobuf';
import {
  type GetQuarantineRequest,
  GetQuarantineResponseSchema,
  type ListQuarantineRequest,
  ListQuarantineResponseSchema,
} from '@perennial/contracts';
import { formatEventTime, notFound, type PlatformError } from '@perennial/kernel';
import { readRows } from '../effects/read-segment.js';
import { entryMessage } from '../messages.js';
import type { RpcContext } from '../rpc/context.js';
import type { Value } from '../schema/value.js';
import { findEntry, listEntries, reasonsByRow } from './store.js';

/** Rows of an entry that an answer shows; all of them lie in its file. */
const rowsShown = 100;

export async function listQuarantine(
  { db, tenant }: RpcContext,
  { source, includeRepaired }: ListQuarantineRequest,
) {
  const entries = await listEntries(db, tenant, { source, includeRepaired });
  return create(ListQuarantineResponseSchema, { entries: entries.map(entryMessage) });
}

/** One entry and its first rows: the sender's columns, and beside them id, event time and why each is held. */
export async function getQuarantine(context: RpcContext, { quarantineId }: GetQuarantineRequest) {
  const { db, tenant, tables, files } = context;
  const entry = await findEntry(db, tenant, quarantineId);
  if (!entry) throw entryUnknown(`quarantine_id: there is no entry "${quarantineId}"`, 'quarantine_id');
  // What was given up is only counted.
  const rows = entry.digest
    ? await readRows(tables, await files.path(entry.digest), { first: rowsShown })
    : [];
  const reasons = await reasonsByRow(
    db,
    entry.quarantineId,
    rows.map((row) => row.rowId),
  );
  return create(GetQuarantineResponseSchema, {
    entry: entryMessage(entry),
    rows: rows.map(({ rowId, eventTime, values }): JsonObject => {
      const cells = Object.entries(values).map(([name, value]) => [name, shown(value)] as const);
      return {
        _p_row_id: rowId,
        _p_event_time: formatEventTime(eventTime),
        _p_held_for: reasons.get(rowId) ?? [],
        ...Object.fromEntries(cells),
      };
    }),
  });
}

/** JSON has no NaN and no infinities; they are shown as text. */
function shown(value: Value): string | number | boolean | null {
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  return value ?? null;
}

export function entryUnknown(what: string, field: string): PlatformError {
  return notFound('QUARANTINE_NOT_FOUND', `${what}; list the quarantine to see what is held`, { field });
}
