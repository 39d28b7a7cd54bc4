import { create } from '@bufbuild/protobuf';
import { RouteSchema, type ServeRequest, ServeSettingsSchema } from '@perennial/contracts';
import { inputsOf, type Tensor } from '@perennial/runtime';
import { waitFor } from '@perennial/testkit';
import { Fleet } from '../../src/fleet/fleet.js';
import type { ModelAsked } from '../../src/inference.js';
import { callsTo, stopAll } from './replicas.js';

const fleets: Fleet[] = [];
/** After each test. */
export async function closeFleets(): Promise<void> {
  for (const fleet of fleets.splice(0)) fleet.close();
  await stopAll();
}

interface Told {
  readonly retries: string[];
  readonly hedges: boolean[];
  readonly ejected: string[];
  readonly gone: string[];
}

export async function openFleet(addresses: readonly string[], random: () => number = Math.random) {
  const told: Told = { retries: [], hedges: [], ejected: [], gone: [] };
  const fleet = new Fleet({
    dial: callsTo,
    events: {
      onRetry: (why) => told.retries.push(why),
      onHedge: (isWon) => told.hedges.push(isWon),
      onEjected: ({ id }, why) => told.ejected.push(`${id} ${why}`),
    },
    onConnection: () => {},
    onGone: ({ id }) => told.gone.push(id),
    random,
  });
  fleets.push(fleet);
  addresses.forEach((address, at) => {
    fleet.configure(address, `r${at + 1}`);
  });
  await waitFor('all streams', () => fleet.replicas().every(({ state }) => state !== 'away'));
  return { fleet, told };
}

export const model = (over: Partial<ModelAsked> = {}): ModelAsked => ({
  name: 'heat',
  route: create(RouteSchema, { version: 1, digest: 'd' }),
  pool: '',
  serve: undefined,
  ...over,
});
export const served = (serve: Parameters<typeof create<typeof ServeSettingsSchema>>[1]) =>
  model({ serve: create(ServeSettingsSchema, serve) });

export const column = (values: readonly number[]): Tensor => ({
  name: 'x',
  datatype: 'FP64',
  shape: [values.length, 1],
  data: Float64Array.from(values),
});

export const ask = (fleet: Fleet, values: readonly number[], asked = model(), withinMs = 20_000) =>
  fleet.infer(asked, [column(values)], { deadlineAt: performance.now() + withinMs });

export const answerOf = async (asked: ReturnType<typeof ask>) => [...((await asked).outputs[0]?.data ?? [])];

export const rowsIn = ({ request }: ServeRequest) => [
  ...(inputsOf(request as NonNullable<typeof request>)[0] as Tensor).data,
];
