import { create } from '@bufbuild/protobuf';
import {
  type RepairQuarantineRequest,
  type RepairQuarantineResponse,
  RepairQuarantineResponseSchema,
} from '@perennial/contracts';
import { invalid, type PlatformError, uuidv7 } from '@perennial/kernel';
import { type Expression, parseExpression } from '@perennial/spec';
import type { HeldReason } from '../causes/findings.js';
import { findingOf } from '../messages.js';
import type { RpcContext } from '../rpc/context.js';
import { findSchema } from '../store.js';
import type { Means } from '../verify.js';
import { entryUnknown } from './look.js';
import { applyRepair, prepareRepair, type RepairedEntry, type RepairOutcome } from './repair.js';
import { type Entry, findEntry, heldEntries, saveRepair, sourceHasEntries } from './store.js';

/** Entries in one transaction, so that none holds what is known of a source for long. */
const entriesAtOnce = 50;
/** Findings in the answer; entries of one cause share theirs. */
const findingsMax = 100;

interface Told {
  readonly producer: string;
  readonly reason: HeldReason;
}

/**
 * Applies an expression to one column of held rows, verifies them again in event-time order, and lets through what is
 * good. What was repaired already is not touched, so that the same call twice changes nothing.
 */
export async function repairQuarantine(
  context: RpcContext,
  request: RepairQuarantineRequest,
): Promise<RepairQuarantineResponse> {
  const expression = checked(request);
  const entries = await entriesOf(context, request);
  const repairId = uuidv7(context.clock);
  const total = { entries: 0, rowsRepaired: 0, rowsStillHeld: 0 };
  const findings: Told[] = [];
  let columns: readonly string[] = [];
  let ready = 0;
  for (let start = 0; start < entries.length; start += entriesAtOnce) {
    const prepared = await prepare(context, request.column, {
      expression,
      entries: entries.slice(start, start + entriesAtOnce),
    });
    columns = prepared.columns ?? columns;
    ready += prepared.ready.length;
    for (const { entry, outcome } of await apply(context, request, { repairId, ready: prepared.ready })) {
      if (outcome.rowsRepaired > 0) total.entries++;
      total.rowsRepaired += outcome.rowsRepaired;
      total.rowsStillHeld += outcome.rowsStillHeld;
      findings.push(...outcome.reasons.map((reason) => ({ producer: entry.producer, reason })));
    }
  }
  if (entries.length > 0 && ready === 0) throw columnUnknown(request.column, columns);
  return create(RepairQuarantineResponseSchema, {
    repairId,
    entries: total.entries,
    rowsRepaired: total.rowsRepaired,
    rowsStillHeld: total.rowsStillHeld,
    findings: merged(findings).map(({ producer, reason }) => findingOf(reason, producer)),
  });
}

function checked({
  quarantineId,
  source,
  column,
  expression,
  repairedBy,
}: RepairQuarantineRequest): Expression {
  if (!quarantineId && !source) {
    throw invalid('REPAIR_WHAT', 'quarantine_id or source: say which held rows are to be repaired', {
      field: 'source',
    });
  }
  if (!column) throw invalid('REPAIR_COLUMN', 'column: name the column to be repaired', { field: 'column' });
  if (!repairedBy) throw invalid('REPAIR_BY', 'repaired_by: say who repairs', { field: 'repaired_by' });
  return parseExpression(expression, 'expression');
}

async function entriesOf(
  { db, tenant }: RpcContext,
  { quarantineId, source, producer }: RepairQuarantineRequest,
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

async function prepare(
  context: RpcContext,
  column: string,
  { expression, entries }: { expression: Expression; entries: readonly Entry[] },
): Promise<{ ready: RepairedEntry[]; columns: readonly string[] | undefined }> {
  const ready: RepairedEntry[] = [];
  let columns: readonly string[] | undefined;
  for (const entry of entries) {
    const schema = await findSchema(context.db, {
      tenant: context.tenant,
      source: entry.source,
      kind: entry.kind,
    });
    const type = schema?.schema.columns[column]?.type;
    const one = await prepareRepair(meansOf(context), entry, { column, expression, type });
    if ('columns' in one) columns = one.columns;
    else ready.push(one);
  }
  return { ready, columns };
}

async function apply(
  context: RpcContext,
  request: RepairQuarantineRequest,
  { repairId, ready }: { repairId: string; ready: readonly RepairedEntry[] },
): Promise<{ entry: Entry; outcome: RepairOutcome }[]> {
  if (ready.length === 0) return [];
  const { tenant, clock } = context;
  const { column, expression, repairedBy } = request;
  const repair = { repairId, column, expression, repairedBy };
  return context.transact(repairId, async (tx, emit) => {
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
