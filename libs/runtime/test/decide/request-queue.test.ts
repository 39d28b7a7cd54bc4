import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Queued, RequestQueue } from '../../src/decide/request-queue.js';

let names = 0;
function request(over: Partial<Queued> & { name?: string } = {}) {
  return {
    name: `r${names++}`,
    priority: 100,
    share: '',
    key: 'k',
    alone: false,
    rows: 1,
    bytes: 8,
    deadlineAt: Number.POSITIVE_INFINITY,
    rowsTaken: 0,
    ...over,
  };
}
type Request = ReturnType<typeof request>;

function queueOf(...requests: Request[]) {
  const queue = new RequestQueue<Request>();
  for (const each of requests) queue.push(each);
  return queue;
}
const takenNames = (queue: RequestQueue<Request>, rowsMax: number) =>
  queue.take(rowsMax).parts.map(({ request: { name } }) => name);

describe('what waits for a model', () => {
  test('is taken by priority, then by deadline, then as it came', () => {
    const queue = queueOf(
      request({ name: 'late', deadlineAt: 50 }),
      request({ name: 'none' }),
      request({ name: 'soon', deadlineAt: 10 }),
      request({ name: 'urgent', priority: 1 }),
      request({ name: 'none too' }),
      request({ name: 'idle', priority: 200, deadlineAt: 1 }),
    );
    expect(takenNames(queue, 100)).toEqual(['urgent', 'soon', 'late', 'none', 'none too', 'idle']);
  });

  test('never runs with another shape, nor with what must run alone', () => {
    const queue = queueOf(
      request({ name: 'a1', key: 'a' }),
      request({ name: 'b1', key: 'b' }),
      request({ name: 'alone', alone: true, key: 'a' }),
      request({ name: 'a2', key: 'a' }),
      request({ name: 'b2', key: 'b' }),
    );
    const batches = [takenNames(queue, 10), takenNames(queue, 10), takenNames(queue, 10)];
    expect(batches).toEqual([['a1', 'a2'], ['b1', 'b2'], ['alone']]);
    expect(queue.size).toBe(0);
  });

  test('is taken in parts where it is larger than a run, and its rows only once', () => {
    const queue = queueOf(request({ name: 'large', rows: 25 }), request({ name: 'small', rows: 3 }));
    const batches = Array.from({ length: 3 }, () => queue.take(10));
    expect(batches.map(({ parts }) => parts.map(({ request: r, from, to }) => [r.name, from, to]))).toEqual([
      [['large', 0, 10]],
      [['large', 10, 20]],
      [
        ['large', 20, 25],
        ['small', 0, 3],
      ],
    ]);
    expect([queue.rows, queue.bytes, queue.size]).toEqual([0, 0, 0]);
  });

  test('gives its place up when it is removed, and counts no more', () => {
    const all = Array.from({ length: 200 }, () => request({ rows: 2 }));
    const queue = queueOf(...all);
    for (const each of all.slice(0, 150)) expect(queue.remove(each)).toBe(true);
    expect(queue.remove(all[0] as Request)).toBe(false);
    expect([queue.rows, queue.bytes, queue.size]).toEqual([100, 400, 50]);
    expect(takenNames(queue, 1000)).toEqual(all.slice(150).map(({ name }) => name));
  });

  test('keeps few priorities in mind, whatever numbers clients name, and none out of order', () => {
    const queue = queueOf(request({ name: 'waits', priority: 7 }));
    for (let priority = 1_000; priority > 500; priority--) {
      queue.push(request({ name: `at ${priority}`, priority }));
      queue.push(request({ name: 'first', priority: 1 }));
      expect(takenNames(queue, 1)).toEqual(['first']);
      expect(takenNames(queue, 2)).toEqual(['waits', `at ${priority}`]);
      queue.push(request({ name: 'waits', priority: 7 }));
      expect(queue.levels).toBeLessThanOrEqual(16);
    }
  });

  test('goes when the queue is full: the lowest priority first, its latest deadline, and never for its equals', () => {
    const queue = queueOf(
      request({ name: 'urgent', priority: 1 }),
      request({ name: 'idle soon', priority: 200, deadlineAt: 5 }),
      request({ name: 'idle late', priority: 200, deadlineAt: 9 }),
    );
    const victim = (priority: number) => queue.victimFor(request({ priority }))?.name;
    expect([victim(100), victim(1), victim(200), victim(250)]).toEqual([
      'idle late',
      'idle late',
      undefined,
      undefined,
    ]);
  });

  test('goes from the share that holds the most, where another share has less', () => {
    const hot = Array.from({ length: 10 }, (_, at) => request({ name: `hot ${at}`, share: 'hot' }));
    const queue = queueOf(...hot, request({ name: 'quiet', share: 'quiet' }));
    expect(queue.victimFor(request({ share: 'quiet' }))?.name).toBe('hot 9');
    expect(queue.victimFor(request({ share: 'hot' }))).toBeUndefined();
    expect(queue.victimFor(request({ share: 'quiet', rows: 10 }))).toBeUndefined();
  });

  test('a share that asks ten times as much moves the wait of another by no more than its own turn', () => {
    // Batches of 8 rows; the quiet share sends one row before each batch.
    const waits = (hotPerBatch: number) => {
      const queue = new RequestQueue<Request & { batch: number }>();
      const found: number[] = [];
      for (let batch = 0; batch < 200; batch++) {
        for (let at = 0; at < hotPerBatch; at++) queue.push({ ...request({ share: 'hot' }), batch });
        queue.push({ ...request({ share: 'quiet' }), batch });
        for (const { request: taken } of queue.take(8).parts)
          if (taken.share === 'quiet') found.push(batch - taken.batch);
      }
      return found;
    };
    expect(waits(7)).toEqual(new Array(200).fill(0));
    expect(waits(70)).toEqual(new Array(200).fill(0));
  });

  test('whatever comes and goes: every row is taken at most once, in batches that fit, and none is lost', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('push' as const),
        priority: fc.constantFrom(1, 100, 200),
        share: fc.constantFrom('a', 'b', 'c'),
        key: fc.constantFrom('x', 'y'),
        alone: fc.boolean(),
        rows: fc.integer({ min: 0, max: 20 }),
        deadlineAt: fc.constantFrom(1, 2, 3, Number.POSITIVE_INFINITY),
      }),
      fc.record({ kind: fc.constant('take' as const), rows: fc.integer({ min: 1, max: 16 }) }),
      fc.record({ kind: fc.constant('remove' as const), at: fc.nat(50) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const queue = new RequestQueue<Request>();
        const pushed: Request[] = [];
        const rows = new Map<Request, number>();
        const removed = new Set<Request>();
        const take = (rowsMax: number) => {
          const { parts, rows: taken } = queue.take(rowsMax);
          expect(parts.reduce((sum, { from, to }) => sum + to - from, 0)).toBe(taken);
          expect(new Set(parts.map(({ request: r }) => r.key)).size).toBeLessThanOrEqual(1);
          if (parts.some(({ request: r }) => r.alone)) expect(parts).toHaveLength(1);
          else expect(taken).toBeLessThanOrEqual(rowsMax);
          for (const { request: r, from, to } of parts) {
            expect(from).toBe(rows.get(r) ?? 0);
            rows.set(r, to);
          }
          return parts.length;
        };
        for (const each of steps) {
          if (each.kind === 'push') {
            const { kind: _, ...over } = each;
            const made = request(over);
            pushed.push(made);
            queue.push(made);
          } else if (each.kind === 'take') take(each.rows);
          else {
            const victim = pushed[each.at];
            if (victim && queue.remove(victim)) removed.add(victim);
          }
        }
        while (take(7) > 0);
        for (const r of pushed) if (!removed.has(r)) expect(rows.get(r)).toBe(r.rows);
        expect([queue.rows, queue.bytes, queue.size]).toEqual([0, 0, 0]);
      }),
      { numRuns: 300 },
    );
  });
});
