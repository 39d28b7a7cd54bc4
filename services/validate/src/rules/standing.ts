import { learningRows } from '../schema/learned.js';

/** A unit change that is suspected of one producer's column, until the producer's raw rows fit again. */
export interface Suspicion {
  readonly column: string;
  /** Name of the unit relation. */
  readonly relation: string;
  /** Rows in a row whose raw value fitted better than the converted one. */
  readonly rowsFitting: number;
}

/** How far a producer of a source is trusted. */
export interface Standing {
  /** Its rows that passed. Under `learningRows` it is on probation, if others have a history. */
  readonly verifiedRows: number;
  readonly suspicions: readonly Suspicion[];
}

export const newcomer: Standing = { verifiedRows: 0, suspicions: [] };

/** The standing after a row was held for a suspected unit change. */
export function suspected(standing: Standing, column: string, relation: string): Standing {
  const others = standing.suspicions.filter((suspicion) => suspicion.column !== column);
  return { ...standing, suspicions: [...others, { column, relation, rowsFitting: 0 }] };
}

/** The standing after `rows` rows passed; a suspicion ends after `learningRows` rows without a reason for it. */
export function passed(standing: Standing, rows: number): Standing {
  const suspicions = standing.suspicions
    .map((suspicion) => ({ ...suspicion, rowsFitting: suspicion.rowsFitting + rows }))
    .filter((suspicion) => suspicion.rowsFitting < learningRows);
  return { verifiedRows: standing.verifiedRows + rows, suspicions };
}
