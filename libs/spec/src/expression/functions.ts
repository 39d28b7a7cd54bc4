import type { Value, ValueType } from './ast.js';
import { compare, type Looked } from './values.js';

/** What an argument is taken as: `same` is one type that all `same` arguments and the result share. */
export type Wanted = ValueType | 'same';

/** One operator or function: what it takes, its SQL, and the same in JavaScript. */
export interface Operation {
  readonly takes: readonly Wanted[];
  /** Further arguments like the last one may follow. */
  readonly isVariadic?: boolean;
  /** How many of `takes` may be left out at the end. */
  readonly optional?: number;
  readonly gives: Wanted;
  readonly sql: (args: readonly string[]) => string;
  /** Without `takesNull` never asked when an argument is null: the result is null. */
  readonly evaluate: (args: readonly Looked[]) => Looked;
  readonly takesNull?: true;
}

type Numeric = (a: number, b: number) => number | null;

/** DuckDB refuses arguments outside of a function's domain by an error for all rows; here such a row gives null. */
const tried = (sql: string) => `try(${sql})`;
const infix = (operator: string, evaluate: Numeric): Operation => ({
  takes: ['number', 'number'],
  gives: 'number',
  sql: ([a, b]) => `(${a} ${operator} ${b})`,
  evaluate: ([a, b]) => evaluate(a as number, b as number),
});
const numeric = (name: string, evaluate: (x: number) => number | null, sql = `${name}`): Operation => ({
  takes: ['number'],
  gives: 'number',
  sql: ([x]) => tried(`${sql}(${x})`),
  evaluate: ([x]) => evaluate(x as number),
});
const comparison = (operator: string, holds: (order: number) => boolean): Operation => ({
  takes: ['same', 'same'],
  gives: 'boolean',
  sql: ([a, b]) => `(${a} ${operator} ${b})`,
  evaluate: ([a, b]) => {
    const order = compare(a as Looked, b as Looked);
    return order === null ? null : holds(order);
  },
});
const calendar = (name: string, part: (time: Date) => number): Operation => ({
  takes: ['time'],
  gives: 'number',
  sql: ([time]) => `${name}(${time})::double`,
  evaluate: ([time]) => part(time as Date),
});
const text = (name: string, evaluate: (text: string) => Value, gives: ValueType = 'text'): Operation => ({
  takes: ['text'],
  gives,
  sql: ([x]) => (gives === 'number' ? `${name}(${x})::double` : `${name}(${x})`),
  evaluate: ([x]) => evaluate(x as string),
});
/** The greatest (sign 1) or least (sign -1) of what is there. */
const extreme = (name: string, sign: 1 | -1): Operation => ({
  takes: ['same'],
  isVariadic: true,
  gives: 'same',
  sql: (args) => `${name}(${args.join(', ')})`,
  evaluate: (args) => args.reduce((a, b) => (a === null || sign * (order(b, a) ?? 0) > 0 ? b : a), null),
  takesNull: true,
});

const order = (a: Looked, b: Looked) => (a === null || b === null ? null : compare(a, b));
const dayMs = 86_400_000;

export const operators: Readonly<Record<string, Operation>> = {
  '+': infix('+', (a, b) => a + b),
  '-': infix('-', (a, b) => a - b),
  '*': infix('*', (a, b) => a * b),
  '/': infix('/', (a, b) => a / b),
  '%': infix('%', (a, b) => a % b),
  negate: { takes: ['number'], gives: 'number', sql: ([x]) => `(- ${x})`, evaluate: ([x]) => -(x as number) },
  '=': comparison('=', (o) => o === 0),
  '<>': comparison('<>', (o) => o !== 0),
  '<': comparison('<', (o) => o < 0),
  '<=': comparison('<=', (o) => o <= 0),
  '>': comparison('>', (o) => o > 0),
  '>=': comparison('>=', (o) => o >= 0),
  and: {
    takes: ['boolean', 'boolean'],
    gives: 'boolean',
    sql: ([a, b]) => `(${a} and ${b})`,
    evaluate: ([a, b]) => (a === false || b === false ? false : a === null || b === null ? null : true),
    takesNull: true,
  },
  or: {
    takes: ['boolean', 'boolean'],
    gives: 'boolean',
    sql: ([a, b]) => `(${a} or ${b})`,
    evaluate: ([a, b]) => (a === true || b === true ? true : a === null || b === null ? null : false),
    takesNull: true,
  },
  not: { takes: ['boolean'], gives: 'boolean', sql: ([a]) => `(not ${a})`, evaluate: ([a]) => !a },
  'is null': {
    takes: ['any'],
    gives: 'boolean',
    sql: ([a]) => `(${a} is null)`,
    evaluate: ([a]) => a === null,
    takesNull: true,
  },
  in: {
    takes: ['same', 'same'],
    isVariadic: true,
    gives: 'boolean',
    sql: ([a, ...list]) => `(${a} in (${list.join(', ')}))`,
    evaluate: ([a, ...list]) => {
      if (a === null || a === undefined) return null;
      const orders = list.map((b) => order(a, b));
      return orders.includes(0) ? true : orders.includes(null) ? null : false;
    },
    takesNull: true,
  },
};

export const functions: Readonly<Record<string, Operation>> = {
  abs: numeric('abs', Math.abs),
  round: {
    takes: ['number', 'number'],
    optional: 1,
    gives: 'number',
    sql: ([x, digits]) => (digits === undefined ? `round(${x})` : `round(${x}, (${digits})::integer)`),
    evaluate: ([x, digits]) => roundTo(x as number, (digits ?? 0) as number),
  },
  floor: numeric('floor', Math.floor),
  ceil: numeric('ceil', Math.ceil),
  ln: numeric('ln', (x) => (x > 0 || Number.isNaN(x) ? Math.log(x) : null)),
  log10: numeric('log10', (x) => (x > 0 || Number.isNaN(x) ? Math.log10(x) : null)),
  exp: numeric('exp', Math.exp),
  sqrt: numeric('sqrt', (x) => (x < 0 ? null : Math.sqrt(x))),
  power: {
    takes: ['number', 'number'],
    gives: 'number',
    sql: ([x, y]) => tried(`power(${x}, ${y})`),
    // The C library says 1 where ECMAScript says NaN.
    evaluate: ([x, y]) =>
      x === 1 || (x === -1 && Math.abs(y as number) === Number.POSITIVE_INFINITY)
        ? 1
        : (x as number) ** (y as number),
  },
  greatest: extreme('greatest', 1),
  least: extreme('least', -1),
  coalesce: {
    takes: ['same'],
    isVariadic: true,
    gives: 'same',
    sql: (args) => `coalesce(${args.join(', ')})`,
    evaluate: (args) => args.find((value) => value !== null) ?? null,
    takesNull: true,
  },
  nullif: {
    takes: ['same', 'same'],
    gives: 'same',
    sql: ([a, b]) => `nullif(${a}, ${b})`,
    evaluate: ([a, b]) => (order(a as Looked, b as Looked) === 0 ? null : (a as Looked)),
    takesNull: true,
  },
  year: calendar('year', (t) => t.getUTCFullYear()),
  month: calendar('month', (t) => t.getUTCMonth() + 1),
  day: calendar('day', (t) => t.getUTCDate()),
  hour: calendar('hour', (t) => t.getUTCHours()),
  minute: calendar('minute', (t) => t.getUTCMinutes()),
  dayofweek: calendar('dayofweek', (t) => t.getUTCDay()),
  dayofyear: calendar(
    'dayofyear',
    (t) => Math.floor((t.getTime() - Date.UTC(t.getUTCFullYear(), 0, 1)) / dayMs) + 1,
  ),
  lower: text('lower', (x) => mapCase(x, (c) => c.toLowerCase())),
  upper: text('upper', (x) => mapCase(x, (c) => c.toUpperCase())),
  length: text('length', (x) => [...x].length, 'number'),
};

/** Half away from zero, as C rounds; ECMAScript rounds half up. */
function roundTo(x: number, digits: number): number {
  const scale = 10 ** Math.abs(Math.trunc(digits));
  const result = digits < 0 ? roundHalfAway(x / scale) * scale : roundHalfAway(x * scale) / scale;
  if (Number.isFinite(result)) return result;
  return digits < 0 ? 0 : x;
}

function roundHalfAway(x: number): number {
  const whole = Math.trunc(x);
  return Math.abs(x - whole) >= 0.5 ? whole + Math.sign(x) : whole;
}

/** One code point for one, as DuckDB does; ECMAScript would make two of some. */
function mapCase(x: string, map: (character: string) => string): string {
  return Array.from(x, (character) => {
    const mapped = map(character);
    return [...mapped].length === 1 ? mapped : character;
  }).join('');
}
