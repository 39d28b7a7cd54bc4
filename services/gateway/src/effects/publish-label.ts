import { type Bus, publishRaw } from '@perennial/bus';
import { arrivalSubject } from '@perennial/contracts';
import type { LabelRow } from '../decide/label-row.js';

/** Publishes a label on the bus as any producer does; resolves when the stream has it. Ingest tells rows apart by id. */
export function publishLabel(bus: Bus, tenant: string) {
  return async (producer: string, { source, rowId, row }: LabelRow): Promise<void> => {
    await publishRaw(bus, {
      subject: arrivalSubject({ arrival: 'labels', tenant, source, producer }),
      id: rowId,
      body: JSON.stringify(row),
    });
  };
}
