import { create } from '@bufbuild/protobuf';
import {
  type DiscardQuarantineRequest,
  DiscardQuarantineResponseSchema,
  events,
  type ReleaseQuarantineRequest,
  ReleaseQuarantineResponseSchema,
  type RepairQuarantineRequest,
  type RepairQuarantineResponse,
  RepairQuarantineResponseSchema,
  type RevalidateQuarantineRequest,
  RevalidateQuarantineResponseSchema,
} from '@perennial/contracts';
import { invalid, type PlatformError, uuidv7 } from '@perennial/kernel';
import { parseExpression } from '@perennial/spec';
import type { HeldReason } from '../causes/findings.js';
import { findingOf, segmentKind } from '../messages.js';
import type { RpcContext } from '../rpc/context.js';
import { findSchema } from '../store.js';
import type { Means } from '../verify.js';
import { entryUnknown } from './look.js';
import {
  type Action,
  applyRepair,
  prepareRepair,
  prepareUnchanged,
  type RepairedEntry,
  type RepairOutcome,
} from './repair.js';
import {
  discardEntry,
  type Entry,
  findEntry,
  heldEntries,
  lockEntry,
  saveRepair,
  sourceHasEntries,
} from './store.js';

/** Entries in one transaction, so that none holds what is known of a source for long. */
const entriesAtOnce = 50;
/** Findings in the answer; entries of one cause share theirs. */
const findingsMax = 100;

interface Told {
  readonly producer: string;
  readonly reason: HeldReason;
}

/** Which held rows: one entry, or all of a source (and producer). */
export interface WhichHeld {
  readonly quarantineId: string;
  readonly source: string;
  readonly producer: string;
}

/**
 * Applies an expression to one column of held rows, verifies them again in event-time order, and lets through what is
 * good. What was repaired already is not touched, so that the same call twice changes nothing.
 */
export async function repairQuarantine(
  context: RpcContext,
  request: RepairQuarantineRequest,
): Promise<RepairQuarantineResponse> {
  const { column, expression: text, repairedBy } = request;
  checkNamed(request, repairedBy, 'repaired_by');
  if (!column) throw invalid('REPAIR_COLUMN', 'column: name the column to be repaired', { field: 'column' });
  const expression = parseExpression(text, 'expression');
  const columns: string[] = [];
  const done = await bringBack(context, request, {
    action: { action: 'repair', column, expression: text, repairedBy, reason: '' },
    prepare: async (entry) => {
      const { tenant } = context;
      const schema = await findSchema(context.db, { tenant, source: entry.source, kind: entry.kind });
      const type = schema?.schema.columns[column]?.type;
      const one = await prepareRepair(meansOf(context), entry, { column, expression, type });
      if (!('columns' in one)) return one;
      columns.splice(0, columns.length, ...one.columns);
      return undefined;
    },
  });
  if (done.asked > 0 && done.ready === 0) throw columnUnknown(column, columns);
  const { repairId, entries, rows: rowsRepaired, rowsStillHeld, findings } = done;
  return create(RepairQuarantineResponseSchema, { repairId, entries, rowsRepaired, rowsStillHeld, findings });
}

/** Verifies held rows again as they came, for example after the schema changed. */
export async function revalidateQuarantine(context: RpcContext, request: RevalidateQuarantineRequest) {
  const { revalidatedBy } = request;
  checkNamed(request, revalidatedBy, 'revalidated_by');
  const { repairId, entries, rows, rowsStillHeld, findings } = await bringBack(context, request, {
    action: { action: 'revalidate', column: '', expression: '', repairedBy: revalidatedBy, reason: '' },
    prepare: (entry) => prepareUnchanged(meansOf(context), entry, { isReleased: false }),
  });
  return create(RevalidateQuarantineResponseSchema, {
    ...{ repairId, entries, rowsVerified: rows, rowsStillHeld, findings },
  });
}

/** Lets held rows through as they are, because somebody knows better. */
export async function releaseQuarantine(context: RpcContext, request: ReleaseQuarantineRequest) {
  const { releasedBy, reason } = request;
  checkNamed(request, releasedBy, 'released_by');
  checkReason(reason);
  const { repairId, entries, rows, rowsStillHeld } = await bringBack(context, request, {
    action: { action: 'release', column: '', expression: '', repairedBy: releasedBy, reason },
    prepare: (entry) => prepareUnchanged(meansOf(context), entry, { isReleased: true }),
  });
  return create(ReleaseQuarantineResponseSchema, { repairId, entries, rowsReleased: rows, rowsStillHeld });
}

/** Gives held rows up. */
export async function discardQuarantine(context: RpcContext, request: DiscardQuarantineRequest) {
  const { discardedBy, reason } = request;
  checkNamed(request, discardedBy, 'discarded_by');
  checkReason(reason);
  const entries = await entriesOf(context, request);
  const discardId = uuidv7(context.clock);
  const discarded = await context.transact(discardId, async (tx, emit) => {
    const done: Entry[] = [];
    for (const { quarantineId } of entries) {
      const entry = await lockEntry(tx, context.tenant, quarantineId);
      if (entry?.status !== 'held') continue;
      await discardEntry(tx, quarantineId, discardId);
      const { source, rows } = entry;
      const kind = segmentKind(entry.kind);
      const body = { discardId, quarantineId, source, kind, rows, discardedBy, reason };
      await emit(events.segmentDiscarded, quarantineId, body);
      done.push(entry);
    }
    return done;
  });
  return create(DiscardQuarantineResponseSchema, {
    ...{ discardId, entries: discarded.length },
    rows: discarded.reduce((sum, { rows }) => sum + rows, 0),
  });
}

interface BroughtBack {
  readonly repairId: string;
  /** Entries that were asked for, and those of them whose rows could be verified again. */
  readonly asked: number;
  readonly ready: number;
  readonly entries: number;
  readonly rows: number;
  readonly rowsStillHeld: number;
  readonly findings: ReturnType<typeof findingOf>[];
}

/** Verifies held entries again in event-time order, some in each transaction. */
async function bringBack(
  context: RpcContext,
  which: WhichHeld,
  {
    action,
    prepare,
  }: {
    action: Omit<Action, 'repairId'>;
    prepare: (entry: Entry) => Promise<RepairedEntry | undefined>;
  },
): Promise<BroughtBack> {
  const held = await entriesOf(context, which);
  const repairId = uuidv7(context.clock);
  const total = { ready: 0, entries: 0, rows: 0, rowsStillHeld: 0 };
  const findings: Told[] = [];
  for (let start = 0; start < held.length; start += entriesAtOnce) {
    const ready: RepairedEntry[] = [];
    for (const entry of held.slice(start, start + entriesAtOnce)) {
      const one = await prepare(entry);
      if (one) ready.push(one);
    }
    total.ready += ready.length;
    for (const { entry, outcome } of await apply(context, { ...action, repairId }, ready)) {
      if (outcome.rowsRepaired > 0) total.entries++;
      total.rows += outcome.rowsRepaired;
      total.rowsStillHeld += outcome.rowsStillHeld;
      findings.push(...outcome.reasons.map((reason) => ({ producer: entry.producer, reason })));
    }
  }
  const told = merged(findings).map(({ producer, reason }) => findingOf(reason, producer));
  return { repairId, asked: held.length, ...total, findings: told };
}

function checkNamed({ quarantineId, source }: WhichHeld, by: string, field: string): void {
  if (!quarantineId && !source) {
    throw invalid('REPAIR_WHAT', 'quarantine_id or source: say which held rows are meant', {
      field: 'source',
    });
  }
  if (!by) throw invalid('REPAIR_BY', `${field}: say who decides`, { field });
}

function checkReason(reason: string): void {
  if (!reason.trim()) {
    throw invalid('QUARANTINE_REASON', 'reason: say why; it stays with the rows', { field: 'reason' });
  }
}

async function entriesOf(
  { db, tenant }: RpcContext,
  { quarantineId, source, producer }: WhichHeld,
): Promise<Entry[]> {
  if (!quarantineId) {
    if (!(await sourceHasEntries(db, tenant, source))) {
      throw entryUnknown(`source: no rows of "${source}" were ever held`, 'source');
    }
    return heldEntries(db, { tenant, source, producer });
  }
  const entry = await findEntry(db, tenant, quarantineId);
  if (!entry) throw entryUnknown(`quarantine_id: there is no entry "${quarantineId}"`, 'quarantine_id');
  return entry.status === 'held' ? [entry] : [];
}

async function apply(
  context: RpcContext,
  repair: Action,
  ready: readonly RepairedEntry[],
): Promise<{ entry: Entry; outcome: RepairOutcome }[]> {
  if (ready.length === 0) return [];
  const { tenant, clock } = context;
  return context.transact(repair.repairId, async (tx, emit) => {
    const outcomes: { entry: Entry; outcome: RepairOutcome }[] = [];
    for (const one of ready) {
      const outcome = await applyRepair(tx, emit, { means: meansOf(context), tenant, ready: one, repair });
      if (outcome) outcomes.push({ entry: one.entry, outcome });
    }
    const changed = outcomes.filter(({ outcome }) => outcome.rowsRepaired > 0);
    const rows = changed.reduce((sum, { outcome }) => sum + outcome.rowsRepaired, 0);
    const [first] = changed;
    if (first) {
      const { source } = first.entry;
      await saveRepair(tx, tenant, { ...repair, source, entries: changed.length, rows, now: clock.now() });
    }
    return outcomes;
  });
}

function meansOf({ tables, files, clock }: RpcContext): Means {
  return { tables, files, now: clock.now() };
}

/** One finding for each producer, rule, column and cause. */
function merged(findings: readonly Told[]): Told[] {
  const byCause = new Map<string, Told>();
  for (const { producer, reason } of findings) {
    const key = [producer, reason.rule, reason.column, reason.relation].join('\n');
    const known = byCause.get(key);
    const rows = (known?.reason.rows ?? 0) + reason.rows;
    byCause.set(key, { producer, reason: { ...(known?.reason ?? reason), rows } });
  }
  return [...byCause.values()].slice(0, findingsMax);
}

function columnUnknown(column: string, columns: readonly string[]): PlatformError {
  return invalid(
    'REPAIR_COLUMN_UNKNOWN',
    `column: the held rows have no column "${column}"; they have ${columns.join(', ')}`,
    { field: 'column' },
  );
}
