import {
  type ColumnSchema,
  columnsOfExpression,
  type Expression,
  evaluateCondition,
  expressionToSql,
  parseExpression,
  type RowRule,
  type SchemaDocument,
  type Severity,
  severityOf,
  type ValueFormat,
} from '@perennial/spec';
import { quoteIdentifier, quoteText } from '@perennial/tables';
import type { AnomalyType } from '../anomalies/types.js';
import type { ColumnType, JudgedRow } from '../schema/value.js';
import { type CellSql, cellSql, type Reading, type ReadValue, readCell, timeOf } from './cells.js';
import { formatPatterns, isShaped } from './formats.js';
import { checkRuleTypes } from './rule-types.js';

/**
 * One thing that a schema document asks of a single row, once as a function of the row and once as a condition over a
 * segment's table: data, so that one row in memory and a hundred thousand in SQL are judged alike.
 */
export interface DeclaredRule {
  /** A rule of a column, or the name of a row rule. */
  readonly rule: string;
  /** The column; for a row rule the first one that it reads. */
  readonly column: string;
  readonly severity: Severity;
  readonly breaks: (row: ReadRow) => boolean;
  /** Never null: true where a row breaks the rule. */
  readonly condition: (table: ReadTable) => string;
  /** What the rule expects, in plain words. */
  readonly expects: string;
  /** Of a rule of one column. */
  readonly expected?: ColumnSchema;
  /** Where the rule says more than the cell that breaks it. */
  readonly type?: AnomalyType;
  /** Asks for rows elsewhere, which only SQL can see. */
  readonly isReference?: true;
}

/** A row whose cells were read once. */
export interface ReadRow {
  readonly readings: ReadonlyMap<string, Reading>;
  /** Read values by column, for expressions; what is missing or invalid is null. */
  readonly values: Readonly<Record<string, ReadValue | null>>;
}

/** A segment's table: SQL of each declared column, and of rows elsewhere that a rule refers to. */
export interface ReadTable {
  readonly cells: ReadonlyMap<string, CellSql>;
  /** A `select` of the values of `to` in a source's verified rows. */
  readonly keysOf: (references: References) => string;
}

export type References = NonNullable<RowRule['references']>;
/** Whether a source's verified rows have these values. */
export type KeyLookup = (references: References, key: readonly ReadValue[]) => boolean;

/**
 * Everything that a schema document asks of a single row. Columns that are planned, disabled or the like ask nothing.
 *
 * @throws PlatformError EXPRESSION_INVALID, SCHEMA_RULE_TYPES
 */
export function declaredRules(document: SchemaDocument, has: KeyLookup): DeclaredRule[] {
  const columns = Object.entries(document.columns)
    .filter(([, column]) => isAsked(column))
    .flatMap(([name, column]) => columnRules(name, column));
  return [...columns, ...document.rules.map((rule) => rowRule(rule, document, has))];
}

const silent = new Set(['planned', 'alpha', 'debug', 'deprecated', 'derived', 'disabled']);

/** Whether anything is asked of a column of rows; rows are what is served as well as what is trained on. */
export function isAsked({ lifecycle, environments }: ColumnSchema, environment = 'training'): boolean {
  return !silent.has(lifecycle ?? '') && (environments?.some((one) => one === environment) ?? true);
}

/**
 * The part of the schema in force that is asked beside what verified rows imply: all of a column that somebody wrote,
 * and of one that was accepted as proposed what does not go on being learned. Other columns are only read, for rules.
 */
export function writtenRules(
  document: SchemaDocument,
  accepted: SchemaDocument | undefined,
  has: KeyLookup,
): DeclaredRule[] {
  if (!accepted) return [];
  const columns = Object.entries(accepted.columns)
    .filter(([, column]) => isAsked(column))
    .flatMap(([name, column]) => columnRules(name, column.by ? column : unlearned(column)));
  return [...columns, ...document.rules.map((rule) => rowRule(rule, document, has))];
}

function unlearned({ presence: _, range: __, domain, ...rest }: ColumnSchema): ColumnSchema {
  return { ...rest, ...(domain?.closed && { domain }) };
}

export function readRow(row: JudgedRow, document: SchemaDocument): ReadRow {
  const readings = new Map<string, Reading>();
  const values: Record<string, ReadValue | null> = {};
  for (const [name, column] of Object.entries(document.columns)) {
    const reading = readCell(row.values[name], column);
    readings.set(name, reading);
    values[name] = reading.kind === 'value' ? reading.value : null;
  }
  return { readings, values };
}

export function readTable(
  document: SchemaDocument,
  physical: ReadonlyMap<string, ColumnType>,
  keysOf: ReadTable['keysOf'],
): ReadTable {
  const cells = Object.entries(document.columns).map(
    ([name, column]) => [name, cellSql(quoteIdentifier(name), physical.get(name), column)] as const,
  );
  return { cells: new Map(cells), keysOf };
}

const absent: CellSql = { value: 'null', isMissing: 'true', isInvalid: 'false' };

function columnRules(column: string, expected: ColumnSchema): DeclaredRule[] {
  const { type, presence, range, domain, format, valency } = expected;
  const rules: DeclaredRule[] = [];
  const add = (rule: Parameters<typeof severityOf>[1], expects: string, test: CellTest) =>
    rules.push({
      rule,
      column,
      severity: severityOf(expected, rule),
      expects,
      expected,
      breaks: ({ readings }) => test.breaks(readings.get(column) ?? { kind: 'missing' }),
      condition: ({ cells }) => test.condition(cells.get(column) ?? absent),
    });
  add('type', `one of type ${type}`, {
    breaks: ({ kind }) => kind === 'invalid',
    condition: ({ isInvalid }) => isInvalid,
  });
  if (presence?.minFraction === 1) {
    add('presence', 'a value in each row', {
      breaks: ({ kind }) => kind === 'missing',
      condition: ({ isMissing }) => isMissing,
    });
  }
  if (range && (range.low !== undefined || range.high !== undefined)) {
    const { low, high } = range;
    add('range', `${low ?? 'anything'} to ${high ?? 'anything'}`, rangeTest(low, high, type));
  }
  if (domain?.closed)
    add('domain', `one of ${domain.values.slice(0, 20).join(', ')}`, domainTest(domain.values, type));
  if (format) add('format', `a text shaped as ${format}`, formatTest(formatPattern(expected, format)));
  if (valency) add('valency', valencyText(valency), valencyTest(valency));
  return rules;
}

interface CellTest {
  readonly breaks: (reading: Reading) => boolean;
  readonly condition: (cell: CellSql) => string;
}

/** Asked of read values only. */
function valueTest(breaks: (value: ReadValue) => boolean, condition: (value: string) => string): CellTest {
  return {
    breaks: (reading) => reading.kind === 'value' && breaks(reading.value),
    condition: ({ value }) =>
      value === 'null' ? 'false' : `(${value} is not null and coalesce(${condition(value)}, false))`,
  };
}

function rangeTest(low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY, type: string): CellTest {
  const sqlNumber = (x: number) => (Number.isFinite(x) ? `(${x})::double` : `'${x}'::double`);
  const outside = (number: string) => `(${number} < ${sqlNumber(low)} or ${number} > ${sqlNumber(high)})`;
  return valueTest(
    (value) => Number(value) < low || Number(value) > high,
    (value) => outside(type === 'time' ? `epoch_ms(${value})` : value),
  );
}

function domainTest(values: readonly (string | number | boolean)[], type: string): CellTest {
  if (type === 'time') {
    const times = values
      .map((value) => timeOf(String(value))?.getTime() ?? Number.NaN)
      .filter(Number.isFinite);
    return valueTest(
      (value) => !times.includes(Number(value)),
      (value) => (times.length ? `epoch_ms(${value}) not in (${times.join(', ')})` : 'true'),
    );
  }
  const known = new Set<unknown>(values);
  const list = values.map(literal).join(', ');
  return valueTest(
    (value) => !known.has(value),
    (value) => `${value} not in (${list})`,
  );
}

/** Asked of the text as it came and not of what was read in it: a time has no shape, and neither has a number. */
function formatTest(pattern: string | undefined): CellTest {
  return {
    breaks: (reading) =>
      pattern !== undefined &&
      reading.kind === 'value' &&
      reading.text !== undefined &&
      !isShaped(reading.text, pattern),
    condition: ({ value, text }) =>
      pattern === undefined || text === undefined
        ? 'false'
        : `(${value} is not null and not regexp_full_match(${text}, ${quoteText(pattern)}, 's'))`,
  };
}

/** Undefined where every time that can be read has the format. */
function formatPattern({ type, zone }: ColumnSchema, format: ValueFormat): string | undefined {
  // Midnight comes as a day from Parquet, and a day in a zone is written as its moment in UTC.
  const isAnyTime = format === 'datetime' || (zone !== undefined && zone !== 'UTC');
  return type === 'time' && isAnyTime ? undefined : formatPatterns[format];
}

type Valency = NonNullable<ColumnSchema['valency']>;

/** Of a shape its first two sizes are asked for. */
function valencyTest({ min = 0, max = Number.MAX_SAFE_INTEGER, shape }: Valency): CellTest {
  if (shape) return shapeTest(shape);
  const [low, high] = [min, max];
  return valueTest(
    (value) => {
      const { length } = JSON.parse(String(value)) as unknown[];
      return length < low || length > high;
    },
    (value) => `(json_array_length(${value}) < ${low} or json_array_length(${value}) > ${high})`,
  );
}

function shapeTest([outer = 0, inner]: readonly number[]): CellTest {
  const isWrong = (item: unknown) =>
    inner === undefined ? Array.isArray(item) : !Array.isArray(item) || item.length !== inner;
  const isWrongSql =
    inner === undefined
      ? `json_type(item) = 'ARRAY'`
      : `(json_type(item) <> 'ARRAY' or json_array_length(item) <> ${inner})`;
  return valueTest(
    (value) => {
      const items = JSON.parse(String(value)) as unknown[];
      return items.length !== outer || items.some(isWrong);
    },
    (value) =>
      `(json_array_length(${value}) <> ${outer} or len(list_filter(json_extract(${value}, '$[*]'), item -> ${isWrongSql})) > 0)`,
  );
}

function valencyText({ min, max, shape }: Valency): string {
  return shape ? `lists of ${shape.join(' x ')}` : `${min ?? 0} to ${max ?? 'any number of'} values`;
}

function rowRule(rule: RowRule, document: SchemaDocument, has: KeyLookup): DeclaredRule {
  const parsed = (text: string, part: string) => {
    const field = `rules.${rule.name}.${part}`;
    const expression = parseExpression(text, field);
    checkRuleTypes(expression, document, field);
    return expression;
  };
  const when = rule.when === undefined ? undefined : parsed(rule.when, 'when');
  const test = rule.references
    ? referenceTest(rule.references, has)
    : expressionTest(parsed(rule.expr ?? 'true', 'expr'));
  return {
    rule: rule.name,
    column: test.column,
    severity: rule.severity,
    type: rule.references ? 'REFERENCE_MISSING' : 'ROW_RULE_BROKEN',
    ...(rule.references && { isReference: true as const }),
    expects: rule.expr ?? `${rule.references?.columns.join(', ')} to be found in ${rule.references?.source}`,
    breaks: (row) => (when === undefined || evaluateCondition(when, row.values) === true) && test.breaks(row),
    condition: (table) => {
      const asked = when && `coalesce(try_cast(${sqlOf(when, table)} as boolean), false)`;
      const broken = test.condition(table);
      return asked === undefined ? broken : `(${asked} and ${broken})`;
    },
  };
}

interface RowTest extends Pick<DeclaredRule, 'column' | 'breaks' | 'condition'> {}

function expressionTest(expression: Expression): RowTest {
  return {
    column: columnsOfExpression(expression)[0] ?? '',
    // What is null is neither true nor false, and breaks nothing.
    breaks: (row) => evaluateCondition(expression, row.values) === false,
    condition: (table) => `coalesce(try_cast(${sqlOf(expression, table)} as boolean) = false, false)`,
  };
}

function referenceTest(references: References, has: KeyLookup): RowTest {
  const { columns } = references;
  return {
    column: columns[0] ?? '',
    breaks: ({ values }) => {
      const key = columns.map((column) => values[column] ?? null);
      return key.every((value) => value !== null) && !has(references, key);
    },
    condition: ({ cells, keysOf }) => {
      const key = columns.map((column) => (cells.get(column) ?? absent).value);
      const isThere = key.map((value) => `${value} is not null`).join(' and ');
      return `(${isThere} and coalesce((${key.map((value) => `${value}::varchar`).join(', ')}) not in (${keysOf(references)}), true))`;
    },
  };
}

function sqlOf(expression: Expression, { cells }: ReadTable): string {
  return expressionToSql(expression, (name) => (cells.get(name) ?? absent).value);
}

function literal(value: string | number | boolean): string {
  if (typeof value === 'string') return quoteText(value);
  return typeof value === 'number' ? `(${value})::double` : String(value);
}
