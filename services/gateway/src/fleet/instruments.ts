import type { Meter } from '@perennial/service';
import type { DispatchEvents } from './dispatch.js';
import type { MemberView } from './member.js';

export interface FleetGauges {
  replicas(): readonly MemberView[];
  /** Rows that wait for a first replica, by pool. */
  waitingRows(): ReadonlyMap<string, number>;
}

/** What an operator, and whoever starts and stops replicas, watches of the fleet. */
export function fleetInstruments(meter: Meter, fleet: () => FleetGauges): DispatchEvents {
  const retries = meter.createCounter('perennial_gateway_inference_retries', {
    description: 'Requests that were sent to a replica again, by the reason.',
  });
  const hedges = meter.createCounter('perennial_gateway_inference_hedges', {
    description:
      'Requests that were sent to a second replica because the first was slow, by who answered first.',
  });
  const ejections = meter.createCounter('perennial_gateway_inference_ejections', {
    description: 'Times that a replica was left out for a while, by replica.',
  });
  meter
    .createObservableGauge('perennial_gateway_replicas', {
      description: 'Replicas of inference that this gateway knows, by pool and state.',
    })
    .addCallback((result) => {
      const counts = new Map<string, { pool: string; state: string; count: number }>();
      for (const { pool, state } of fleet().replicas()) {
        const known = counts.get(`${pool} ${state}`) ?? { pool, state, count: 0 };
        counts.set(`${pool} ${state}`, { ...known, count: known.count + 1 });
      }
      for (const { count, ...attributes } of counts.values()) result.observe(count, attributes);
    });
  meter
    .createObservableGauge('perennial_gateway_pool_waiting_rows', {
      description: 'Rows that wait for the first replica of a pool: start one where it is not 0.',
    })
    .addCallback((result) => {
      for (const [pool, rows] of fleet().waitingRows()) result.observe(rows, { pool });
    });
  return {
    onRetry: (why) => retries.add(1, { why }),
    onHedge: (isWon) => hedges.add(1, { won: isWon }),
    onEjected: ({ id }) => ejections.add(1, { replica: id }),
  };
}
