import type { ColumnSchema, SchemaDocument } from '@perennial/spec';
import type { ColumnProfile, Profile } from '../profile/profile.js';
import type { SetProfile } from '../profile/set-profile.js';
import { learningRows } from '../schema/learned.js';
import { compareSets } from './compare.js';
import type { SetFinding } from './finding.js';
import { judgeColumn } from './judge-columns.js';
import { judgeDataset } from './judge-dataset.js';

/** Verified rows with one value only, before it is called constant. */
const constantRows = 100;

/** Rows to be judged together, and what they are judged by. */
export interface SetToJudge {
  readonly set: SetProfile;
  /** The schema in force before these rows. */
  readonly document: SchemaDocument;
  /** Names of the columns that somebody accepted. */
  readonly accepted: ReadonlySet<string>;
  /** All verified rows before these. */
  readonly profile: Profile;
  /** The segment before. */
  readonly previous: SetProfile | undefined;
}

/** What only the rows of a segment together show. */
export function judgeSet({ set, document, accepted, profile, previous }: SetToJudge): SetFinding[] {
  const isKnown = profile.rows >= learningRows || accepted.size > 0;
  // A column may be known, and still say too little to be in the schema.
  const known: SchemaDocument['columns'] = {
    ...Object.fromEntries(Object.keys(profile.columns).map((name) => [name, { type: 'text' as const }])),
    ...document.columns,
  };
  const columns = Object.entries(document.columns).flatMap(([name, column]): [string, ColumnSchema][] => {
    if (accepted.has(name)) return [[name, column]];
    const constant = constantOf(profile.columns[name]);
    return constant === undefined ? [] : [[name, { type: column.type, constant }]];
  });
  return [
    ...judgeDataset({ ...document, columns: known }, { set, previousRows: previous?.rows, isKnown }),
    ...columns.flatMap(([name, column]) => judgeColumn(name, column, set)),
    ...compareSets('drift', document, { set, control: previous }),
  ];
}

function constantOf(column: ColumnProfile | undefined): string | number | undefined {
  if (!column || column.present < constantRows) return undefined;
  if (column.min !== undefined && column.min === column.max) return column.min;
  const [only, ...others] = Object.keys(column.categories ?? {});
  return others.length === 0 ? only : undefined;
}
