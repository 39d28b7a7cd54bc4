import { create } from '@bufbuild/protobuf';
import { GetProgressResponseSchema } from '@perennial/contracts';
import { expect, test } from 'vitest';
import { Settlement } from '../../src/effects/settlement.js';

function open() {
  const world = {
    asked: [] as string[],
    outbox: { one: 0, two: 0 } as Record<string, number>,
    sequences: ['ROWS:1'],
    isQuietHere: true,
    settlement: undefined as unknown as Settlement,
  };
  const standing = (name: string) => ({
    name,
    progress: async () => {
      world.asked.push(name);
      return create(GetProgressResponseSchema, { outboxUnpublished: world.outbox[name] ?? 0 });
    },
  });
  world.settlement = new Settlement({
    services: [standing('one'), standing('two')],
    sequences: async () => (world.sequences.length > 1 ? world.sequences.shift() : world.sequences[0]) ?? '',
    isQuietHere: () => world.isQuietHere,
  });
  return world;
}

test('everything is quiet when nobody has anything in hand and nothing was published meanwhile', async () => {
  expect(await open().settlement.quietAt()).toBeDefined();
});

test('a message published while services were asked is not overlooked', async () => {
  const world = open();
  world.sequences = ['ROWS:1', 'ROWS:2'];
  expect(await world.settlement.quietAt()).toBeUndefined();
});

test('what this process has in hand counts too', async () => {
  const world = open();
  world.isQuietHere = false;
  expect(await world.settlement.quietAt()).toBeUndefined();
});

test('while one service is known to be busy, nobody else is asked', async () => {
  const world = open();
  world.outbox['two'] = 1;
  expect(await world.settlement.quietAt()).toBeUndefined();
  world.asked.length = 0;
  expect(await world.settlement.quietAt()).toBeUndefined();
  expect(world.asked).toEqual(['two']);
  world.outbox['two'] = 0;
  expect(await world.settlement.quietAt()).toBeDefined();
});
