import type { System } from '@perennial/spec';
import { quoteIdentifier, type Tables } from '@perennial/tables';
import { type Formula, findLeaks, type Suspicion } from './decide/find-leaks.js';
import type { Leak } from './decide/leak.js';
import { plainNumber } from './decide/relation-text.js';
import { readSamples } from './sample.js';

/** What a formula may be off by, as a share of the label's size: sums of numbers with decimals are rounded. */
const toleranceShare = 1e-6;
/** A relation that a sample shows and that fails in more rows than this of all is none. */
const holdingMin = 0.99;

/**
 * Looks for features that give the label away in a relation of labelled rows. What a sample shows as a formula is asked
 * of all rows.
 */
export async function checkLeaks(
  tables: Tables,
  asked: { readonly relation: string; readonly system: System; readonly entities?: string | undefined },
): Promise<Leak[]> {
  const { sample, runs } = await readSamples(tables, asked);
  const leaks: Leak[] = [];
  for (const { formula, ...leak } of findLeaks(sample, runs)) {
    const confirmed = formula ? await confirm(tables, asked, leak, formula) : leak;
    if (confirmed) leaks.push(confirmed);
  }
  return leaks;
}

async function confirm(
  tables: Tables,
  { relation, system }: { readonly relation: string; readonly system: System },
  leak: Omit<Suspicion, 'formula'>,
  formula: Formula,
): Promise<Leak | undefined> {
  const label = `${quoteIdentifier(system.label.name)}::double`;
  const value = valueSql(formula);
  const [found] = await tables.rows(
    `select count(v)::double as there, count(*) filter (where abs(v - y) <= ${toleranceShare} * greatest(abs(y), abs(v), 1e-9))::double as holding ` +
      `from (select ${label} as y, ${value} as v from ${relation})`,
  );
  const [rows, rowsHolding] = [Number(found?.['there'] ?? 0), Number(found?.['holding'] ?? 0)];
  if (rowsHolding < holdingMin * rows) return undefined;
  const evidence = `holds in ${rowsHolding} of the ${rows} labelled rows that have its columns`;
  return { ...leak, evidence, rows, rowsHolding, strength: rows === 0 ? leak.strength : rowsHolding / rows };
}

function valueSql({ constant, terms, names, of }: Formula): string {
  const cell = (index: number) => `try_cast(${quoteIdentifier(names[index] as string)} as double)`;
  if (of === 'values') {
    const parts = terms.map(
      ({ index, coefficient }) => `${plainNumber(coefficient)}::double * ${cell(index)}`,
    );
    return `(${[`${plainNumber(constant)}::double`, ...parts].join(' + ')})`;
  }
  const parts = terms.map(({ index, coefficient }) => `pow(${cell(index)}, ${Math.round(coefficient)})`);
  return `(${[`${plainNumber(Math.exp(constant))}::double`, ...parts].join(' * ')})`;
}
