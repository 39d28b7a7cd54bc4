import { afterEach, describe, expect, test, vi } from 'vitest';
import { Batcher } from '../src/batcher.js';
import { CostModel } from '../src/decide/cost-model.js';
import type { Tensor } from '../src/mod.js';
import { batcherOptions } from './batcher-options.js';

afterEach(() => void vi.restoreAllMocks());

interface Caller {
  readonly share: string;
  /** Requests a second, of one row each, at times that look random. */
  readonly rate: number;
  readonly priority?: number;
}

interface Seen {
  inTime: number;
  late: number;
  refused: number;
  tookMs: number[];
}

const runUs = 2_000;
const rowUs = 100;

/** One executor on which a run takes as long as said, in time of our own: nothing here depends on the machine. */
async function simulate(callers: readonly Caller[], o: { seconds: number; sloMs: number; slower?: number }) {
  let now = 1_000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const cost = new CostModel([1, 8, 32, 128].map((rows) => ({ rows, microseconds: runUs + rowUs * rows })));
  let freeAt = 0;
  const surroundings = {
    slots: 1,
    utilisation: 1,
    freeInUs: () => Math.max(0, (freeAt - now) * 1000),
    others: () => [],
  };
  const batcher = new Batcher(batcherOptions({ cost, surroundings, queueRowsMax: 32_768 }));
  const seen = new Map<string, Seen>(
    callers.map(({ share }) => [share, { inTime: 0, late: 0, refused: 0, tookMs: [] }]),
  );
  let state = 5;
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return (state + 1) / 2 ** 31;
  };
  const nextAt = callers.map(({ rate }) => now - (Math.log(random()) / rate) * 1000);
  const row: Tensor = { name: 'a', datatype: 'FP64', shape: [1, 1], data: Float64Array.of(1) };
  // The first batches are small, whatever comes.
  const countedFrom = now + 300;
  const until = countedFrom + o.seconds * 1000;
  const ignored: Seen = { inTime: 0, late: 0, refused: 0, tookMs: [] };
  let ended: (() => void) | undefined;
  let running: Promise<void> | undefined;
  let inHand = 0;

  const ask = ({ share, priority }: Caller) => {
    const at = now;
    const mine = at < countedFrom ? ignored : (seen.get(share) as Seen);
    const told = (take: () => void) => {
      inHand -= 1;
      take();
    };
    inHand += 1;
    try {
      batcher.submit([row], { share, deadlineAt: at + o.sloMs, ...(priority && { priority }) }).then(
        () =>
          told(() => {
            mine.tookMs.push(now - at);
            if (now - at <= o.sloMs) mine.inTime += 1;
            else mine.late += 1;
          }),
        () => told(() => (mine.refused += 1)),
      );
    } catch {
      told(() => (mine.refused += 1));
    }
  };
  const start = () => {
    if (running || !batcher.hasWork) return;
    const started = batcher.start((inputs) => {
      freeAt = now + ((runUs + rowUs * (inputs[0]?.shape[0] ?? 0)) * (o.slower ?? 1)) / 1000;
      return new Promise((resolve) => {
        ended = () => resolve({ outputs: [...inputs], computeUs: 1 });
      });
    });
    running = started?.done;
  };

  for (;;) {
    const first = nextAt.indexOf(Math.min(...nextAt));
    const arrival = nextAt[first] as number;
    if (running && freeAt <= arrival) {
      now = freeAt;
      ended?.();
      await running;
      // Whoever was answered has been told when the next turn comes.
      await new Promise((resolve) => setImmediate(resolve));
      running = undefined;
    } else if (arrival < until) {
      now = arrival;
      const caller = callers[first] as Caller;
      nextAt[first] = now - (Math.log(random()) / caller.rate) * 1000;
      ask(caller);
    } else if (running) nextAt.fill(Number.POSITIVE_INFINITY);
    else break;
    start();
  }
  batcher.close();
  await new Promise((resolve) => setImmediate(resolve));
  expect(inHand).toBe(0);
  return seen;
}

const percentile = (values: readonly number[], share: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(share * values.length)] ?? 0;

/** Rows a second where every run takes as many rows as ten times a single one allows. */
const rowsMax = Math.floor((10 * (runUs + rowUs) - runUs) / rowUs);
const capacity = rowsMax / ((runUs + rowUs * rowsMax) / 1e6);

describe('more than can be served', () => {
  test.each([1.2, 2, 5])(
    'at %s times the capacity, 95 hundredths of it are answered in time',
    async (times) => {
      const seen = await simulate([{ share: 'a', rate: times * capacity }], { seconds: 1, sloMs: 60 });
      const { inTime, late, tookMs } = seen.get('a') as Seen;
      expect(inTime).toBeGreaterThan(0.95 * capacity);
      expect(late).toBe(0);
      expect(percentile(tookMs, 0.99)).toBeLessThanOrEqual(60);
    },
  );

  test('on a machine that became three times as slow, what is let in is still answered in time', async () => {
    const seen = await simulate([{ share: 'a', rate: capacity }], { seconds: 2, sloMs: 250, slower: 3 });
    const { inTime, late } = seen.get('a') as Seen;
    expect(inTime / 2).toBeGreaterThan(0.85 * (capacity / 3));
    expect(late / (late + inTime)).toBeLessThan(0.02);
  });

  test('a caller at ten times its share moves the 99th percentile of another by a fifth at most', async () => {
    const quiet = { share: 'quiet', rate: 0.1 * capacity };
    const busy = { share: 'hot', rate: 0.9 * capacity };
    const beside = await simulate([quiet, busy], { seconds: 1, sloMs: 100 });
    const flooded = await simulate([quiet, { ...busy, rate: 9 * capacity }], { seconds: 1, sloMs: 100 });
    const [before, after] = [beside, flooded].map((seen) => seen.get('quiet') as Seen) as [Seen, Seen];
    expect(after.refused + after.late).toBe(0);
    expect(percentile(after.tookMs, 0.99)).toBeLessThan(1.2 * percentile(before.tookMs, 0.99));
  });

  test('the urgent are served whole while the others share what is left', async () => {
    const seen = await simulate(
      [
        { share: 'urgent', rate: 0.5 * capacity, priority: 1 },
        { share: 'other', rate: 3 * capacity },
      ],
      { seconds: 2, sloMs: 100 },
    );
    expect(seen.get('urgent')).toMatchObject({ late: 0, refused: 0 });
    expect((seen.get('other') as Seen).inTime / 2).toBeGreaterThan(0.4 * capacity);
  });
});
