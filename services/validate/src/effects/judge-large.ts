import { quoteIdentifier, quoteText, type Tables } from '@perennial/tables';
import { explain, type HeldReason } from '../causes/findings.js';
import { firstRows, shiftedSet } from '../causes/shifted-set.js';
import { scaledUnits } from '../causes/units.js';
import type { ColumnSummary } from '../profile/profile.js';
import type { UnitSuspect } from '../rules/column-rules.js';
import { type ReadTable, readTable } from '../rules/declared.js';
import { instantText, type Violation } from '../rules/judge-row.js';
import { type Knowledge, levelsOf } from '../rules/judge-segment.js';
import { type SetRule, setRules } from '../rules/set-rules.js';
import { isLearnedAsked, violationOf, type Written } from '../rules/written.js';
import type { Schema } from '../schema/learned.js';
import type { Value } from '../schema/value.js';
import { readRows, type SegmentColumns, segmentColumns } from './read-segment.js';

export interface LargeVerdict {
  readonly held: number;
  /** Condition over the segment's table that is true for held rows. */
  readonly heldWhere: string;
  /** Some are only told. */
  readonly reasons: readonly HeldReason[];
}

/** Judges a large segment by sets: one pass counts the rows that each rule holds, and finds the first of each. */
export async function judgeLarge(
  tables: Tables,
  path: string,
  {
    known,
    summaries,
    timeColumn,
    now,
    written,
    keysOf,
    isReleased,
  }: {
    known: Knowledge;
    summaries: Readonly<Record<string, ColumnSummary>>;
    timeColumn: string;
    now: number;
    written: Written;
    keysOf: ReadTable['keysOf'];
    /** Somebody let the rows through: only cells that cannot be read are asked about. */
    isReleased: boolean;
  },
): Promise<LargeVerdict> {
  const { schema } = known;
  const physical = await segmentColumns(tables, path);
  const shifted = await shiftedColumns(tables, path, { known, summaries });
  const learned = setRules(schema, { physical, shifted, timeColumn, now });
  const table = readTable(written.document, physical, keysOf);
  const declared = written.rules.map(
    (rule): SetRule => ({
      rule: rule.rule,
      column: rule.column,
      declared: rule,
      condition: rule.condition(table),
    }),
  );
  const asked = learned.filter(({ rule, column }) => isLearnedAsked(written, rule, column));
  const conditions = [...asked, ...declared].filter(({ rule }) => !isReleased || rule === 'type');
  const heldWhere = await heldCondition(tables, path, conditions);
  const counts = conditions.map(({ condition }, i) => `count(*) filter (where ${condition}) as n${i}`);
  const [row = {}] = await tables.rows(
    `select ${[`count(*) filter (where ${heldWhere}) as held`, ...counts].join(', ')} from read_parquet(${quoteText(path)})`,
  );
  const broken = conditions.filter((_, i) => Number(row[`n${i}`]) > 0);
  const firsts = await firstsOf(tables, path, { broken, physical });
  const reasons = broken.map((rule, i) => reasonOf(rule, firsts, i, schema));
  return { held: Number(row['held']), heldWhere, reasons };
}

/** How many rows break each rule, and the first of them: asked only of rules that some row breaks, since it costs a sort. */
async function firstsOf(
  tables: Tables,
  path: string,
  { broken, physical }: { broken: readonly SetRule[]; physical: SegmentColumns },
): Promise<Record<string, unknown>> {
  if (broken.length === 0) return {};
  const firsts = broken.map((rule, i) => firstSql(rule, physical.has(rule.column), i));
  const either = broken.map(({ condition }) => condition).join(' or ');
  const [row = {}] = await tables.rows(
    `select ${firsts.join(', ')} from read_parquet(${quoteText(path)}) where ${either}`,
  );
  return row;
}

/** Rules that are only told hold nothing, and one that holds the segment all of it. */
async function heldCondition(tables: Tables, path: string, rules: readonly SetRule[]): Promise<string> {
  const either = (some: readonly SetRule[]) =>
    `(${['false', ...some.map(({ condition }) => condition)].join(' or ')})`;
  const whole = rules.filter(({ declared }) => declared?.severity === 'hold');
  if (whole.length > 0) {
    const broken = await tables.rows(
      `select 1 as one from read_parquet(${quoteText(path)}) where ${either(whole)} limit 1`,
    );
    if (broken.length > 0) return 'true';
  }
  return either(rules.filter(({ declared }) => declared?.severity !== 'warn'));
}

async function shiftedColumns(
  tables: Tables,
  path: string,
  { known, summaries }: { known: Knowledge; summaries: Readonly<Record<string, ColumnSummary>> },
): Promise<Map<string, UnitSuspect>> {
  const levels = levelsOf(known);
  const first = await readRows(tables, path, { first: firstRows });
  const shifted = new Map<string, UnitSuspect>();
  for (const [column, { numbers = [] }] of Object.entries(summaries)) {
    const set = {
      quantiles: numbers,
      first: first.map((row) => row.values[column]).filter((value) => typeof value === 'number'),
    };
    const suspect = shiftedSet(column, set, { ...known, level: levels[column] });
    if (suspect) shifted.set(column, suspect);
  }
  return shifted;
}

function firstSql({ condition, column }: SetRule, isPhysical: boolean, i: number): string {
  const filter = `filter (where ${condition})`;
  const first = (what: string) => `(arg_min(${what}, (_p_event_time, _p_row_id)) ${filter})`;
  const cell = isPhysical ? `to_json(${quoteIdentifier(column)})::varchar` : 'null::varchar';
  return (
    `count(*) ${filter} as n${i}, ${first('_p_row_id')} as id${i}, ` +
    `min(_p_event_time) ${filter} as time${i}, ${first(cell)} as cell${i}`
  );
}

function reasonOf(rule: SetRule, row: Record<string, unknown>, i: number, schema: Schema): HeldReason {
  const rows = Number(row[`n${i}`]);
  const firstEventTime = Number(row[`time${i}`]);
  const value = rule.rule === 'event-time' ? instantText(firstEventTime) : cellOf(row[`cell${i}`]);
  const range = schema.columns[rule.column]?.range;
  const factor =
    rule.rule === 'range' && range && typeof value === 'number'
      ? scaledUnits.find(({ scale }) => value * scale >= range.min && value * scale <= range.max)
      : undefined;
  const relation = rule.suspect?.relation.name ?? factor?.name;
  const violation: Violation = rule.declared
    ? violationOf(rule.declared, value)
    : {
        rule: rule.rule,
        column: rule.column,
        value,
        ...(rule.suspect && { suspect: rule.suspect }),
        ...(relation && { relation }),
      };
  const first = { firstRowId: String(row[`id${i}`]), firstEventTime, rows };
  return { ...explain(violation, schema), ...first };
}

/** A cell from its JSON text; infinities and NaN have none and stay text. */
function cellOf(json: unknown): Value {
  if (typeof json !== 'string') return null;
  try {
    return JSON.parse(json) as Value;
  } catch {
    return json;
  }
}
