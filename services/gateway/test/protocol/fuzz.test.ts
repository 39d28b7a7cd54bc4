import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { DeploymentUpdatedSchema, oip } from '@perennial/contracts';
import { PlatformError } from '@perennial/kernel';
import { expect, test } from 'vitest';
import { mutated, randomOf } from '../../../../test/conformance/wire/mutations.js';
import { readInferenceBody } from '../../src/protocol/json-body.js';
import { readMessage } from '../../src/protocol/message.js';
import { readRawRequest } from '../../src/protocol/raw-body.js';

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const binaryHead = json({
  id: 'x',
  inputs: [
    { name: 'a', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } },
    { name: 'b', datatype: 'BYTES', shape: [2], parameters: { binary_data_size: 11 } },
  ],
  outputs: [{ name: 'o', parameters: { binary_data: true, classification: 2 } }],
});
const texts = Buffer.from('\u0001\0\0\0a\u0002\0\0\0bc');

/** What the caller did wrong is said to be so; anything else that is thrown is a fault of ours. */
function refusedOrRead(read: () => unknown): void {
  try {
    read();
  } catch (thrown) {
    if (thrown instanceof PlatformError && thrown.fault === 'caller') return;
    throw thrown;
  }
}

test.each([1, 2, 3, 4])('20,000 broken bodies are read or refused, seed %i', (seed) => {
  const random = randomOf(seed);
  const whole = json({
    id: 'x',
    parameters: { priority: 1, timeout: 5, event_time: '2012-04-01', binary_data_output: true },
    inputs: [
      {
        name: 'a',
        datatype: 'INT64',
        shape: [2, 2],
        data: [
          [1, '9007199254740993'],
          [-3, 4],
        ],
      },
      { name: 'b', datatype: 'FP32', shape: [3], data: [1.5, -2e10, 0] },
      { name: 'c', datatype: 'BOOL', shape: [1], data: [true] },
    ],
    outputs: [{ name: 'o' }],
  });
  const seeds = [whole, Buffer.concat([binaryHead, Buffer.alloc(8), texts])];
  for (let at = 0; at < 20_000; at++) {
    const body = mutated(seeds[at % 2] as Buffer, random);
    const length = at % 2 === 0 ? undefined : String(binaryHead.length + Math.floor((random() - 0.5) * 4));
    refusedOrRead(() => readInferenceBody(body, length, 'm'));
  }
});

test.each([1, 2])('20,000 broken messages are read or refused, seed %i', (seed) => {
  const random = randomOf(seed);
  const message = create(oip.ModelInferRequestSchema, {
    modelName: 'm',
    id: 'x',
    parameters: { timeout: { parameterChoice: { case: 'int64Param', value: 5n } } },
    inputs: [
      { name: 'a', datatype: 'INT32', shape: [1n, 2n], contents: { intContents: [1, -2] } },
      { name: 'b', datatype: 'BYTES', shape: [1n], contents: { bytesContents: [Buffer.from('é')] } },
    ],
    outputs: [
      { name: 'o', parameters: { classification: { parameterChoice: { case: 'int64Param', value: 2n } } } },
    ],
  });
  const raw = create(oip.ModelInferRequestSchema, {
    modelName: 'm',
    inputs: [
      { name: 'a', datatype: 'FP16', shape: [2n] },
      { name: 'b', datatype: 'BYTES', shape: [2n] },
    ],
    rawInputContents: [Buffer.alloc(4), texts],
  });
  const seeds = [message, raw].map((one) => Buffer.from(toBinary(oip.ModelInferRequestSchema, one)));
  let read = 0;
  for (let at = 0; at < 20_000; at++) {
    let decoded: oip.ModelInferRequest;
    try {
      decoded = fromBinary(oip.ModelInferRequestSchema, mutated(seeds[at % 2] as Buffer, random));
    } catch {
      continue;
    }
    read += 1;
    refusedOrRead(() => readMessage(decoded));
  }
  expect(read).toBeGreaterThan(1_000);
});

test('any bytes as a raw request are read or refused', () => {
  const random = randomOf(7);
  for (const datatype of ['FP32', 'BYTES', 'INT64', 'BOOL', 'FP16', '']) {
    for (const shape of [[], [-1n, 1n], [-1n, -1n], [-1n, 0n], [2n, 3n], [-1n, -1n, -1n]]) {
      const deployment = create(DeploymentUpdatedSchema, {
        deployment: 'm',
        inputs: [{ name: 'a', datatype, shape }],
      });
      for (let at = 0; at < 50; at++) {
        const bytes = mutated(Buffer.from('0123456789abcdef'), random);
        refusedOrRead(() => readRawRequest(bytes, deployment));
      }
    }
  }
});
