import { metrics } from '@opentelemetry/api';
import { type BusWork, unpublishedCount } from '@perennial/bus';
import type { Database } from '@perennial/db';

/** Backlogs, looked at when they are scraped. A bus or database that is away leaves its gauge out. */
export function standingGauges({
  database,
  busWork,
}: {
  database: Database | undefined;
  busWork: () => BusWork | undefined;
}): void {
  if (!database) return;
  const meter = metrics.getMeter('perennial');
  meter
    .createObservableGauge('perennial_outbox_unpublished', {
      description: 'Events that wait to be published.',
    })
    .addCallback(async (result) => {
      const count = await unpublishedCount(database.db).catch(() => undefined);
      if (count !== undefined) result.observe(count);
    });
  meter
    .createObservableGauge('perennial_consumer_pending', {
      description: 'Messages that a consumer has not acknowledged yet.',
    })
    .addCallback(async (result) => {
      const consumers =
        (await busWork()
          ?.consumers()
          .catch(() => undefined)) ?? [];
      for (const { stream, consumer, pending } of consumers) {
        result.observe(Number(pending ?? 0), { stream: stream ?? '', consumer: consumer ?? '' });
      }
    });
}
