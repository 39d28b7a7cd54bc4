import { timestampMs } from '@bufbuild/protobuf/wkt';
import { events } from '@perennial/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type House, openHouse } from './house.js';

const source = 'tank';
/** Segments with one good and one bad row each. */
const segments = 60;
const kills = 20;

let house: House;
beforeAll(async () => {
  house = await openHouse({ apart: true });
}, 60_000);
afterAll(() => house?.stop());

const hour = 3_600_000;
const row = (i: number, level: number) => ({ rowId: `r${i}`, eventTime: i * hour, values: { level } });
const level = (i: number) => 5 + Math.sin(i) + (i % 7) / 10;

test('a repair that is killed twenty times brings each row back once, in the order of its time, and loses none', async () => {
  const history = Array.from({ length: 100 }, (_, i) => row(i, level(i)));
  await house.record({ source, producer: 'gauge', rows: history });
  await house.settled();
  const all = history.map(({ rowId }) => rowId);
  for (let i = 0; i < segments; i++) {
    const at = 100 + 2 * i;
    const rows = [row(at, level(at)), row(at + 1, 1000 * level(at + 1))];
    all.push(...rows.map(({ rowId }) => rowId));
    await house.record({ source, producer: 'gauge', rows });
  }
  await house.settled();
  const held = () => house.client.listQuarantine({ source }).then(({ entries }) => entries.length);
  expect(await held()).toBe(segments);
  const repair = () =>
    house.client.repairQuarantine({
      ...{ source, column: 'level', expression: 'level / 1000', repairedBy: 'operator' },
    });
  for (let kill = 0; kill < kills; kill++) {
    const asked = repair().catch(() => undefined);
    // Where it is killed is what the test is about: anywhere between before and long after its first transaction. How
    // long that is, is told in looks at what is held.
    for (let look = 0; look < (kill * 7) % 61; look++) await held();
    await house.kill();
    await asked;
  }
  await repair();
  expect(await repair()).toMatchObject({ entries: 0, rowsStillHeld: 0 });
  expect(await held()).toBe(0);
  await house.settled();
  const verified = house.told(events.segmentVerified);
  const ids: string[] = [];
  for (const { digest } of verified) {
    for (const one of await house.rowsOf(digest)) ids.push(String(one['_p_row_id']));
  }
  expect(ids.sort()).toEqual([...all].sort());
  const byRepair = new Map<string, number[]>();
  for (const { repairId, eventTimeMin } of verified) {
    if (!repairId || !eventTimeMin) continue;
    byRepair.set(repairId, [...(byRepair.get(repairId) ?? []), timestampMs(eventTimeMin)]);
  }
  for (const times of byRepair.values()) expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(house.told(events.segmentRepaired)).toHaveLength(segments);
}, 480_000);
