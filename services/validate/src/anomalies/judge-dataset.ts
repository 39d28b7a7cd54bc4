import { type DatasetRuleName, datasetSeverityOf, type SchemaDocument } from '@perennial/spec';
import type { SetProfile } from '../profile/set-profile.js';
import { listed, type SetFinding, short } from './finding.js';
import type { AnomalyType } from './types.js';

/** What is expected of a segment as a whole: how many rows, and which columns. */
export function judgeDataset(
  { dataset, columns }: Pick<SchemaDocument, 'dataset' | 'columns'>,
  { set, previousRows, isKnown }: { set: SetProfile; previousRows: number | undefined; isKnown: boolean },
): SetFinding[] {
  const find = (
    rule: DatasetRuleName,
    type: AnomalyType,
    { evidence, cause, column = '' }: { evidence: string; cause: string; column?: string },
  ): SetFinding => ({
    ...{ rule, type, column, evidence, rows: set.rows, suspectedCause: cause },
    severity: datasetSeverityOf(dataset, rule),
  });
  const findings: SetFinding[] = [];
  const { min, max, againstPrevious } = dataset.rows ?? {};
  const few = { cause: 'part of the rows did not come' };
  const many = { cause: 'rows were sent twice, or of more than expected' };
  if (min !== undefined && set.rows < min) {
    const evidence = `${set.rows} rows; at least ${min} are expected`;
    findings.push(find('rows', 'DATASET_LOW_NUM_EXAMPLES', { evidence, ...few }));
  }
  if (max !== undefined && set.rows > max) {
    const evidence = `${set.rows} rows; at most ${max} are expected`;
    findings.push(find('rows', 'DATASET_HIGH_NUM_EXAMPLES', { evidence, ...many }));
  }
  if (againstPrevious && previousRows) {
    const ratio = set.rows / previousRows;
    const evidence = `${set.rows} rows, ${short(ratio)} times the ${previousRows} of the segment before`;
    if (againstPrevious.min !== undefined && ratio < againstPrevious.min) {
      findings.push(find('rows', 'COMPARATOR_LOW_NUM_EXAMPLES', { evidence, ...few }));
    }
    if (againstPrevious.max !== undefined && ratio > againstPrevious.max) {
      findings.push(find('rows', 'COMPARATOR_HIGH_NUM_EXAMPLES', { evidence, ...many }));
    }
  }
  if (!isKnown) return findings;
  for (const name of set.columns.keys()) {
    if (columns[name]) continue;
    const { numbers, texts } = set.columns.get(name) ?? {};
    const values = (numbers ?? texts)?.top(3).values.map(({ value }) => value) ?? [];
    const evidence = `${name} was not there before${values.length ? `; it has ${listed(values)}` : ''}`;
    const cause = 'the producer sends a new column';
    findings.push(find('columns', 'SCHEMA_NEW_COLUMN', { evidence, cause, column: name }));
  }
  return findings;
}
