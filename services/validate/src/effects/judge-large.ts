import { quoteIdentifier, quoteText, type Tables } from '@perennial/tables';
import type { ColumnRule } from '../decide/column-rules.js';
import { explain, type HeldReason } from '../decide/findings.js';
import type { Violation } from '../decide/judge-row.js';
import type { Schema } from '../decide/schema.js';
import { scaledUnits } from '../decide/units.js';
import type { Value } from '../decide/value.js';
import { segmentColumns } from './read-segment.js';
import { type SetRule, setRules } from './set-rules.js';

export interface LargeVerdict {
  readonly held: number;
  /** Condition over the segment's table that is true for held rows. */
  readonly heldWhere: string;
  readonly reasons: readonly HeldReason[];
}

/** Judges a large segment by sets: one pass counts the rows that each rule holds, and finds the first of each. */
export async function judgeLarge(
  tables: Tables,
  path: string,
  {
    rules,
    schema,
    timeColumn,
    now,
  }: { rules: readonly ColumnRule[]; schema: Schema; timeColumn: string; now: number },
): Promise<LargeVerdict> {
  const physical = await segmentColumns(tables, path);
  const conditions = setRules(rules, physical, { timeColumn, now });
  const heldWhere = `(${conditions.map(({ condition }) => condition).join(' or ')})`;
  const counts = conditions.map((rule, i) => countSql(rule, physical.has(rule.column), i));
  const [row = {}] = await tables.rows(
    `select (count(*) filter (where ${heldWhere}))::double as held, ${counts.join(', ')} from read_parquet(${quoteText(path)})`,
  );
  const reasons = conditions.flatMap((rule, i) => reasonOf(rule, row, i, schema));
  return { held: Number(row['held']), heldWhere, reasons };
}

function countSql({ condition, column }: SetRule, isPhysical: boolean, i: number): string {
  const filter = `filter (where ${condition})`;
  const first = (what: string) => `(arg_min(${what}, (_p_event_time, _p_row_id)) ${filter})`;
  const cell = isPhysical ? `to_json(${quoteIdentifier(column)})::varchar` : 'null::varchar';
  return (
    `(count(*) ${filter})::double as n${i}, ${first('_p_row_id')} as id${i}, ` +
    `(min(epoch_ms(_p_event_time)) ${filter})::double as time${i}, ${first(cell)} as cell${i}`
  );
}

function reasonOf(rule: SetRule, row: Record<string, unknown>, i: number, schema: Schema): HeldReason[] {
  const rows = Number(row[`n${i}`]);
  if (rows === 0) return [];
  const value = valueOf(row[`cell${i}`]);
  const range = schema.columns[rule.column]?.range;
  const factor =
    rule.rule === 'range' && range && typeof value === 'number'
      ? scaledUnits.find(({ scale }) => value * scale >= range.min && value * scale <= range.max)
      : undefined;
  const relation = rule.suspect?.relation.name ?? factor?.name;
  const violation: Violation = {
    rule: rule.rule,
    column: rule.column,
    value,
    ...(rule.suspect && { suspect: rule.suspect }),
    ...(relation && { relation }),
  };
  const first = { firstRowId: String(row[`id${i}`]), firstEventTime: Number(row[`time${i}`]), rows };
  return [{ ...explain(violation, schema), ...first }];
}

/** A cell from its JSON text; infinities and NaN have none and stay text. */
function valueOf(json: unknown): Value {
  if (typeof json !== 'string') return null;
  try {
    return JSON.parse(json) as Value;
  } catch {
    return json;
  }
}
