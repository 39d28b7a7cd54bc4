import { coreBudget, devicesOf } from '@perennial/runtime';
import { inferenceLimits } from './limits.js';
import type { Models } from './models.js';

/** What does not change about a replica. */
export interface Replica {
  readonly replicaId: string;
  readonly pool: string;
  readonly devices: string[];
}

/** How a replica stands: its load, and how much it may have in hand at once. */
export function standingOf({ runtime }: Models) {
  return {
    inFlight: runtime.inFlight,
    capacity: inferenceLimits.streamInHandMax,
    rowsWaiting: runtime.rowsWaiting,
    utilisation: runtime.utilisation,
    slots: runtime.slots,
  };
}

/** Executors by themselves: the cores that we may use but one, which reads requests and writes answers. */
const executorsAutoMax = 4;

export function executorsOf(executors: number): number {
  if (executors > 0) return executors;
  return Math.max(1, Math.min(executorsAutoMax, Math.floor(coreBudget()) - 1));
}

/** Pool gpu is for models that need one. */
export function deviceOptions({
  pool,
  device,
}: {
  pool: string;
  device: 'auto' | 'cpu' | 'cuda' | 'webgpu';
}) {
  const options = { device, requireDevice: pool === 'gpu' };
  return { ...options, devices: devicesOf(options) };
}
