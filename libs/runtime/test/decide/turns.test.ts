import { describe, expect, test } from 'vitest';
import { Turns } from '../../src/decide/turns.js';

/** Serves whoever's turn it is, and tells what each got in the end. */
function serve(costs: Record<string, number>, total: number): Record<string, number> {
  const turns = new Turns<string>();
  const served: Record<string, number> = {};
  for (const member of Object.keys(costs)) turns.add(member);
  for (let spent = 0; spent < total; ) {
    const member = turns.next() as string;
    const cost = costs[member] as number;
    served[member] = (served[member] ?? 0) + cost;
    spent += cost;
    turns.charge(member, cost);
    turns.add(member);
  }
  return served;
}

describe('turns', () => {
  test('a model whose batches take a hundred times as long gets no more time than another', () => {
    const { slow = 0, quick = 0 } = serve({ slow: 100_000, quick: 1_000 }, 10_000_000);
    expect(Math.abs(slow - quick)).toBeLessThanOrEqual(100_000);
  });

  test('who was idle catches nothing up, and waits for one turn of another at most', () => {
    const turns = new Turns<string>();
    turns.add('busy');
    for (let turn = 0; turn < 1_000; turn++) {
      expect(turns.next()).toBe('busy');
      turns.charge('busy', 10);
      turns.add('busy');
    }
    turns.add('new');
    const order = Array.from({ length: 6 }, () => {
      const member = turns.next() as string;
      turns.charge(member, 10);
      turns.add(member);
      return member;
    });
    expect(order.indexOf('new')).toBeLessThanOrEqual(1);
    expect(order.filter((member) => member === 'new')).toHaveLength(3);
  });

  test('what is charged while a member waits counts at its next turn', () => {
    const turns = new Turns<string>();
    turns.add('a');
    turns.add('b');
    turns.charge('a', 100);
    expect([turns.next(), turns.next(), turns.next()]).toEqual(['b', 'a', undefined]);
  });

  test('members that come and go are forgotten, and do not buy themselves time by it', () => {
    const turns = new Turns<string>();
    for (let at = 0; at < 10_000; at++) {
      turns.add(`share ${at}`);
      turns.charge(turns.next() as string, 1);
    }
    turns.add('hot');
    turns.charge(turns.next() as string, 1_000_000);
    turns.add('hot');
    turns.add('quiet');
    expect(turns.next()).toBe('quiet');
  });
});
