import { expect, type TestContext } from 'vitest';
import { beyondJson, type Datatype, edges, type WireTensor } from '../wire/values.js';
import type { Answer, InferRequest, InferResponse, Status, Wire } from '../wire/wire.js';

export type WireOf = () => Wire;

/** One input of every edge value, as `[rows, columns]`. */
export function edgeTensor(datatype: Exclude<Datatype, 'BF16'>, rows = 1): WireTensor {
  const data = edges[datatype];
  return { name: 'INPUT0', datatype, shape: [rows, data.length / rows], data };
}

export function beyondJsonTensor(datatype: 'FP16' | 'FP32' | 'FP64'): WireTensor {
  const data = beyondJson[datatype];
  return { name: 'INPUT0', datatype, shape: [1, data.length], data };
}

export function tensor(
  datatype: string,
  shape: readonly number[],
  data: WireTensor['data'],
  name = 'INPUT0',
): WireTensor {
  return { name, datatype, shape, data };
}

/** A request that any server of the suite's models answers. */
export function addSubRequest(rows = 1, over: Partial<InferRequest> = {}): InferRequest {
  const counting = Array.from({ length: rows * 16 }, (_, at) => at);
  return {
    model: 'add_sub',
    inputs: [
      tensor('INT32', [rows, 16], counting),
      tensor(
        'INT32',
        [rows, 16],
        counting.map(() => 1),
        'INPUT1',
      ),
    ],
    ...over,
  };
}

export function expectRefused<T>(
  answer: Answer<T>,
  status: Status | readonly Status[],
  words?: RegExp,
): void {
  if (answer.ok) throw new Error(`it was answered: ${JSON.stringify(answer.value, plain).slice(0, 300)}`);
  expect([status].flat(), answer.message).toContain(answer.status);
  if (words) expect(answer.message).toMatch(words);
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

export function outputOf({ outputs }: InferResponse, name = 'OUTPUT0'): WireTensor {
  const found = outputs.find((output) => output.name === name);
  if (!found) throw new Error(`there is no output ${name}`);
  return found;
}

/** Skips a case of an extension that the server does not say it has. */
export async function needs(context: TestContext, wire: Wire, extension: string): Promise<void> {
  const metadata = await wire.serverMetadata();
  if (metadata.ok && metadata.value.extensions.some((name) => name.startsWith(extension))) return;
  context.skip(`the server has no extension ${extension}`);
}
