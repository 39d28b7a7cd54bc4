/** A linear relation between units: `converted = scale * raw + offset` brings a wrong value back. */
export interface UnitRelation {
  /** Stands in findings and in the database. */
  readonly name: string;
  readonly scale: number;
  readonly offset: number;
  /** In plain words. */
  readonly cause: string;
  /** The repairing expression over a column. */
  readonly expression: (column: string) => string;
}

/** A relation whose zero moves. */
export interface ShiftedUnit extends UnitRelation {
  /** Where verified values must lie for the column to be a temperature in the right unit at all: air, water, bodies, food. */
  readonly verified: { readonly low: number; readonly high: number };
}

const celsius = { low: -100, high: 150 };
const fahrenheit = { low: -150, high: 300 };
const kelvin = { low: 170, high: 450 };

/**
 * Temperatures: the zero moves, so that one row can give a change away while values vary about a level.
 * Definitions: 0 degC = 32 degF = 273.15 K; 1 K = 1.8 degF (SI brochure, 9th edition, table 8; NIST SP 811).
 */
export const shiftedUnits: readonly ShiftedUnit[] = [
  {
    name: 'fahrenheit-for-celsius',
    verified: celsius,
    scale: 1 / 1.8,
    offset: -32 / 1.8,
    cause: 'Fahrenheit sent where Celsius was',
    expression: (column) => `(${column} - 32) / 1.8`,
  },
  {
    name: 'celsius-for-fahrenheit',
    verified: fahrenheit,
    scale: 1.8,
    offset: 32,
    cause: 'Celsius sent where Fahrenheit was',
    expression: (column) => `${column} * 1.8 + 32`,
  },
  {
    name: 'kelvin-for-celsius',
    verified: celsius,
    scale: 1,
    offset: -273.15,
    cause: 'Kelvin sent where Celsius was',
    expression: (column) => `${column} - 273.15`,
  },
  {
    name: 'celsius-for-kelvin',
    verified: kelvin,
    scale: 1,
    offset: 273.15,
    cause: 'Celsius sent where Kelvin was',
    expression: (column) => `${column} + 273.15`,
  },
];

function scaled(name: string, cause: string, divisor: number): UnitRelation {
  return { name, scale: 1 / divisor, offset: 0, cause, expression: (column) => `${column} / ${divisor}` };
}

/**
 * Factors: never held for the factor alone (one extreme row always fits a tenth of itself); they explain a value that
 * lies outside the bounds anyway.
 */
export const scaledUnits: readonly UnitRelation[] = [
  scaled('factor-100', 'hundredfold values sent (percent for shares, cents for whole units)', 100),
  scaled('factor-1000', 'thousandfold values sent (milli-units, or metres for kilometres)', 1000),
  scaled('millimetres-for-inches', 'millimetres sent where inches were', 25.4),
  scaled('kilometres-per-hour', 'kilometres an hour sent where metres a second were', 3.6),
  scaled('factor-10', 'tenfold values sent', 10),
];

/** The relation of this name; undefined for one that a later release removed. */
export function unitRelation(name: string): UnitRelation | undefined {
  return [...shiftedUnits, ...scaledUnits].find((relation) => relation.name === name);
}
