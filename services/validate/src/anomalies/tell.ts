import type { Emitter } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { type Clock, uuidv7 } from '@perennial/kernel';
import type { HeldReason } from '../causes/findings.js';
import { findingOf, segmentKind } from '../messages.js';
import type { Origin, Store } from '../store.js';
import { type KeptAnomaly, saveAnomalies } from './store.js';

/** Anomalies of one segment that are kept and told; a segment of very many columns has more to say than anybody reads. */
const anomaliesMax = 200;

/**
 * Keeps what was found odd about a segment: of rows that were held or let through, and of all of them together. The
 * last are told as events of their own, since no verdict carries them.
 */
export async function tellAnomalies(
  tx: Store,
  emit: Emitter,
  {
    clock,
    origin,
    producer,
    segmentId,
    ofRows,
    ofSet,
  }: {
    clock: Clock;
    origin: Origin;
    producer: string;
    segmentId: string | undefined;
    ofRows: readonly HeldReason[];
    ofSet: readonly HeldReason[];
  },
): Promise<void> {
  const kept = [...ofSet, ...ofRows]
    .slice(0, anomaliesMax)
    .map((finding): KeptAnomaly => ({ anomalyId: uuidv7(clock), producer, segmentId, finding }));
  await saveAnomalies(tx, origin, kept, clock.now());
  for (const { anomalyId, finding } of kept.slice(0, ofSet.length)) {
    await emit(events.anomalyFound, anomalyId, {
      ...{ anomalyId, producer, source: origin.source, kind: segmentKind(origin.kind) },
      segmentId: segmentId ?? '',
      finding: findingOf(finding, producer),
    });
  }
}
