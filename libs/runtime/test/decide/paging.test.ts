import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Resident, victimsFor } from '../../src/decide/paging.js';

const MiB = 2 ** 20;
const model = (name: string, over: Partial<Resident> = {}) => ({
  name,
  bytes: MiB,
  loadMs: 10,
  uses: 1,
  clock: 0,
  usedAt: 0,
  ...over,
});
const names = (residents: readonly ReturnType<typeof model>[], bytes: number) =>
  victimsFor(residents, bytes)?.victims.map(({ name }) => name);

describe('who makes room', () => {
  test('of equals, whoever was used longest ago', () => {
    const all = [model('b', { usedAt: 2 }), model('a', { usedAt: 1 }), model('c', { usedAt: 3 })];
    expect(names(all, MiB)).toEqual(['a']);
    expect(names(all, 1.5 * MiB)).toEqual(['a', 'b']);
    expect(names(all, 4 * MiB)).toBeUndefined();
  });

  test('what is cheap to have back, large and little used, before what is dear, small and often used', () => {
    const all = [
      model('dear', { loadMs: 1_000 }),
      model('used', { uses: 100 }),
      model('large', { bytes: 10 * MiB }),
      model('plain'),
    ];
    expect(names(all, MiB)).toEqual(['large']);
    expect(names(all, 11 * MiB)).toEqual(['large', 'plain']);
  });

  test('what was used often and is no more goes in the end', () => {
    const all = [model('once hot', { uses: 50, clock: 0 }), model('new', { clock: 600 })];
    expect(names(all, MiB)).toEqual(['once hot']);
  });

  test('never more than are needed: none of them could have stayed', () => {
    const resident = fc.record({
      name: fc.string(),
      bytes: fc.integer({ min: 1, max: 100 }),
      loadMs: fc.integer({ min: 1, max: 1000 }),
      uses: fc.integer({ min: 1, max: 9 }),
      clock: fc.nat(50),
      usedAt: fc.nat(50),
    });
    fc.assert(
      fc.property(fc.array(resident, { maxLength: 12 }), fc.integer({ min: 1, max: 400 }), (all, bytes) => {
        const sum = (some: readonly { bytes: number }[]) =>
          some.reduce((total, each) => total + each.bytes, 0);
        const victims = victimsFor(all, bytes)?.victims;
        if (!victims) {
          expect(sum(all)).toBeLessThan(bytes);
          return;
        }
        expect(sum(victims)).toBeGreaterThanOrEqual(bytes);
        expect(new Set(victims).size).toBe(victims.length);
        for (const victim of victims) expect(sum(victims) - victim.bytes).toBeLessThan(bytes);
      }),
    );
  });
});
