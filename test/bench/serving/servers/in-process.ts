/** The model and nothing around it: ONNX Runtime called in a loop in a process of its own. */

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { rowsOf } from '../bodies.js';
import { inputColumns, inputName } from '../models.js';

export interface InProcessOrder {
  /** base64. */
  readonly file: string;
  readonly rows: number;
  readonly measureMs: number;
}

export interface InProcessOutcome {
  readonly runs: number;
  readonly seconds: number;
  readonly cpuUs: number;
}

process.on(
  'message',
  (order: InProcessOrder) => void run(order).then((outcome) => process.send?.({ outcome })),
);
process.on('disconnect', () => process.exit());

async function run({ file, rows, measureMs }: InProcessOrder): Promise<InProcessOutcome> {
  const session = await InferenceSession.create(Buffer.from(file, 'base64'), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const values = rowsOf(rows);
  const once = () => session.run({ [inputName]: new Tensor('float32', values, [rows, inputColumns]) });
  for (let warm = 0; warm < 200; warm++) await once();
  const before = process.cpuUsage();
  const startedAt = performance.now();
  let runs = 0;
  while (performance.now() - startedAt < measureMs) {
    await once();
    runs += 1;
  }
  const cpu = process.cpuUsage(before);
  return { runs, seconds: (performance.now() - startedAt) / 1_000, cpuUs: cpu.user + cpu.system };
}
process.send?.({ port: 0 });
