import { Child } from './child.js';
import { type ModelName, modelFile } from './models.js';
import type { BenchOptions } from './options.js';
import type { InProcessOrder, InProcessOutcome } from './servers/in-process.js';
import { median } from './summary.js';

export interface InProcessRow {
  readonly model: ModelName;
  readonly rows: number;
  /** CPU of one call. */
  readonly cpuUs: number;
  readonly bestCpuUs: number;
  readonly rowsPerSecond: number;
}

/** The model in a loop with nothing around it. */
export async function inProcess({ models, rows, rounds, slotMs }: BenchOptions): Promise<InProcessRow[]> {
  const child = Child.start('./servers/in-process.js');
  await child.next();
  const found = new Map<string, { model: ModelName; rows: number; outcomes: InProcessOutcome[] }>();
  for (let round = 0; round < rounds; round++) {
    for (const model of models) {
      const file = Buffer.from(modelFile(model)).toString('base64');
      for (const count of rows) {
        const order: InProcessOrder = { file, rows: count, measureMs: slotMs / 4 };
        const { outcome } = await child.ask<{ outcome: InProcessOutcome }>(order);
        const entry = found.get(`${model} ${count}`) ?? { model, rows: count, outcomes: [] };
        entry.outcomes.push(outcome);
        found.set(`${model} ${count}`, entry);
      }
    }
  }
  await child.stop();
  return [...found.values()].map(({ model, rows: count, outcomes }) => {
    const cpu = outcomes.map(({ cpuUs, runs }) => cpuUs / runs);
    return {
      model,
      rows: count,
      cpuUs: median(cpu),
      bestCpuUs: Math.min(...cpu),
      rowsPerSecond: median(outcomes.map(({ runs, seconds }) => (runs * count) / seconds)),
    };
  });
}
