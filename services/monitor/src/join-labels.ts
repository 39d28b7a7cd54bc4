import type { System } from '@perennial/spec';
import type { Context, Stores } from './context.js';
import type { Span } from './effects/truth-files.js';
import type { TruthKind, TruthSegment } from './store/rows.js';

/** A system whose label is computed finds it in the rows themselves. */
export function truthKindOf(system: System): TruthKind {
  return system.label.expr === undefined ? 'labels' : 'rows';
}

/** Joins the labels of one segment to the rows that were asked about; a segment nobody asked about is not even read. */
export async function joinSegment(
  { truth }: Context,
  { rows }: Stores,
  system: System,
  segment: TruthSegment,
): Promise<number> {
  const span = await rows.askedWithin(system.name, segment);
  if (!span) return 0;
  return rows.label(system.name, segment.rank, await truth.labelsOf(system, segment.digest, span));
}

/** The other way round: labels that came before the predictions. */
export async function joinKnownLabels(
  context: Context,
  stores: Stores,
  system: System,
  span: Span,
): Promise<number> {
  let changed = 0;
  for (const segment of await stores.rows.truth(system.source.name, truthKindOf(system), span)) {
    const labels = await context.truth.labelsOf(system, segment.digest, span);
    changed += await stores.rows.label(system.name, segment.rank, labels);
  }
  return changed;
}
