import { timestampMs } from '@bufbuild/protobuf/wkt';
import { handler } from '@perennial/bus';
import { events } from '@perennial/contracts';
import { type Context, storesOf } from '../context.js';

/** Rows held back are evidence for a review. */
export function segmentQuarantined(context: Context) {
  return handler({
    consumer: 'monitor-segment-quarantined',
    event: events.segmentQuarantined,
    pace: 'fast',
    handle: async ({ event: { body }, tx }) => {
      const from = body.eventTimeMin ? timestampMs(body.eventTimeMin) : 0;
      await storesOf(context, tx).facts.saveHeld(body.source, {
        quarantineId: body.quarantineId,
        producer: body.producer,
        rows: body.rows,
        eventTimeMin: from,
        eventTimeMax: body.eventTimeMax ? timestampMs(body.eventTimeMax) : from,
        findings: body.findings.map(({ rule, column, producer, suspectedCause, evidence }) => ({
          rule,
          column,
          producer,
          suspectedCause,
          evidence,
        })),
      });
    },
  });
}

/** Rows that were given up are held no more, either. */
export function segmentDiscarded(context: Context) {
  return handler({
    consumer: 'monitor-segment-discarded',
    event: events.segmentDiscarded,
    pace: 'fast',
    handle: async ({ event: { body }, tx }) => {
      await storesOf(context, tx).facts.saveRepair(body.discardId, body.quarantineId, body.rows);
    },
  });
}

/** Repaired rows are held no more. */
export function segmentRepaired(context: Context) {
  return handler({
    consumer: 'monitor-segment-repaired',
    event: events.segmentRepaired,
    pace: 'fast',
    handle: async ({ event: { body }, tx }) => {
      await storesOf(context, tx).facts.saveRepair(body.repairId, body.quarantineId, body.rows);
    },
  });
}
