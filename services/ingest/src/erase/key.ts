import { invalid } from '@perennial/kernel';
import { quoteIdentifier, quoteText } from '@perennial/tables';

/** Whose rows: those with this value in this column. */
export interface ErasureKey {
  readonly column: string;
  readonly value: string;
}

/** A name is no document, and a value no text to search for. */
const charactersMax = 1_000;

/** @throws PlatformError ERASURE_KEY */
export function checkKey({ column, value }: ErasureKey): void {
  const wrong = (field: string, how: string) => invalid('ERASURE_KEY', `${field}: ${how}`, { field });
  if (column === '') throw wrong('column', 'name the column, as in passenger=123');
  if (value === '') throw wrong('value', 'an empty value belongs to nobody; give the value of the key');
  if (column.startsWith('_p_')) throw wrong('column', 'columns of ours say nothing of a person');
  if (column.length + value.length > charactersMax) throw wrong('value', 'this is no value of a key');
}

/** DuckDB's condition for rows of the key, in a column of this type: numbers by value, text as it is but for blanks. */
export function keySql({ column, value }: ErasureKey, type: string): string {
  const cell = quoteIdentifier(column);
  const isNumber = /^(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|U\w*INT\w*|FLOAT|DOUBLE|DECIMAL.*)$/.test(type);
  const same = isNumber
    ? `${cell} = try_cast(${quoteText(value)} as double)`
    : `trim(cast(${cell} as varchar)) = ${quoteText(value.trim())}`;
  return `coalesce(${same}, false)`;
}

/** The same for a value of JSON or CSV. */
export function isKeyValue(cell: unknown, { value }: ErasureKey): boolean {
  if (typeof cell === 'number') return value.trim() !== '' && Number(value) === cell;
  return typeof cell === 'string' && cell.trim() === value.trim();
}

/** Whether an object has the key's value in a member of its name, itself or in an object below it. */
export function holdsKey(json: unknown, key: ErasureKey): boolean {
  if (typeof json !== 'object' || json === null) return false;
  if (!Array.isArray(json) && Object.hasOwn(json, key.column)) {
    if (isKeyValue((json as Record<string, unknown>)[key.column], key)) return true;
  }
  return Object.values(json).some((member) => holdsKey(member, key));
}

/**
 * JSON without the rows of a key: elements of lists that hold it are left out, as deep in as can be.
 *
 * @returns the rest and how many elements went; undefined as the rest where the value itself is such a row
 */
export function withoutKey(json: unknown, key: ErasureKey): { rest: unknown; rows: number } {
  if (typeof json !== 'object' || json === null || !holdsKey(json, key)) return { rest: json, rows: 0 };
  if (Array.isArray(json)) {
    const kept = json.map((element) => withoutKey(element, key));
    return {
      rest: kept.filter(({ rest }) => rest !== undefined).map(({ rest }) => rest),
      rows: kept.reduce((sum, { rows }) => sum + rows, 0),
    };
  }
  const members = json as Record<string, unknown>;
  // Itself, or by an object below it that is in no list of its own, such as { row: { passenger: 123 } }.
  const isRow = Object.entries(members).some(([name, member]) =>
    name === key.column
      ? isKeyValue(member, key)
      : !Array.isArray(member) && withoutKey(member, key).rest === undefined,
  );
  if (isRow) return { rest: undefined, rows: 1 };
  let rows = 0;
  const rest = Object.entries(members).map(([name, member]) => {
    const one = withoutKey(member, key);
    rows += one.rows;
    return [name, one.rest];
  });
  return { rest: Object.fromEntries(rest), rows };
}

/** Where a schema, or a document of one, lists the texts that are expected of a column. */
const expectations = ['categories', 'domain'];

/** JSON of a schema without the key's value among the texts that are expected of its column; how many went. */
export function withoutExpected(json: unknown, key: ErasureKey): { rest: unknown; values: number } {
  const unchanged = { rest: json, values: 0 };
  const columns = memberOf(json, 'columns');
  const column = memberOf(columns, key.column);
  if (!isObject(json) || !isObject(columns) || !isObject(column)) return unchanged;
  let values = 0;
  const rest = { ...column };
  for (const name of expectations) {
    const expected = column[name];
    const listed = memberOf(expected, 'values');
    if (!isObject(expected) || !Array.isArray(listed)) continue;
    const kept = listed.filter((value) => !isKeyValue(value, key));
    values += listed.length - kept.length;
    rest[name] = { ...expected, values: kept };
  }
  if (values === 0) return unchanged;
  return { rest: { ...json, columns: { ...columns, [key.column]: rest } }, values };
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function memberOf(json: unknown, name: string): unknown {
  return isObject(json) && Object.hasOwn(json, name) ? json[name] : undefined;
}
