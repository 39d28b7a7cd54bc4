import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { oip, ServeRequestSchema, ServeResponseSchema } from '@perennial/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inferenceCodecs } from '../src/mod.js';

const schemas = {
  'inference.ModelInferRequest': oip.ModelInferRequestSchema,
  'inference.ModelInferResponse': oip.ModelInferResponseSchema,
  'perennial.v1.ServeRequest': ServeRequestSchema,
  'perennial.v1.ServeResponse': ServeResponseSchema,
} as const;
type Name = keyof typeof schemas;
const names = Object.keys(schemas) as Name[];

const text = fc.oneof(fc.string({ maxLength: 200 }), fc.string({ unit: 'grapheme', maxLength: 20 }));
const bytes = fc.uint8Array({ maxLength: 300 });
const size = fc.oneof(fc.bigInt(-2n, 300n), fc.constantFrom(2n ** 31n, 2n ** 53n, 2n ** 62n));
const uint32 = fc.oneof(fc.nat(200), fc.constantFrom(2 ** 28, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1));
const choice = fc.oneof(
  fc.record({ case: fc.constant('stringParam' as const), value: text }),
  fc.record({ case: fc.constant('boolParam' as const), value: fc.boolean() }),
);
const parameters = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  fc.dictionary(
    text,
    choice.map((parameterChoice) => ({ parameterChoice })),
    { noNullPrototype: true },
  ),
);
const few = <T>(one: fc.Arbitrary<T>) => fc.array(one, { maxLength: 3 });
const tensor = fc.record({
  name: text,
  datatype: fc.constantFrom('FP32', 'BYTES', ''),
  shape: few(size),
  parameters: fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, parameters),
  contents: fc.option(fc.record({ fp32Contents: few(fc.float()) }), { nil: undefined, freq: 5 }),
});
const head = { modelName: text, modelVersion: text, id: text, parameters };
const inferRequest = fc
  .record({
    ...head,
    inputs: few(tensor),
    outputs: few(fc.record({ name: text, parameters })),
    rawInputContents: few(bytes),
  })
  .map((value) => create(oip.ModelInferRequestSchema, value as never));
const inferResponse = fc
  .record({ ...head, outputs: few(tensor), rawOutputContents: few(bytes) })
  .map((value) => create(oip.ModelInferResponseSchema, value as never));
const sequence = fc.oneof(fc.bigInt(0n, 1_000n), fc.constantFrom(2n ** 40n, 2n ** 53n - 1n));

const messages = {
  'inference.ModelInferRequest': inferRequest,
  'inference.ModelInferResponse': inferResponse,
  'perennial.v1.ServeRequest': fc
    .record({
      sequence,
      digest: text,
      request: fc.option(inferRequest, { nil: undefined }),
      timeoutMs: uint32,
      priority: uint32,
      share: text,
      signature: text,
      alone: fc.boolean(),
      cancel: fc.boolean(),
      traceparents: few(text),
    })
    .map((value) => create(ServeRequestSchema, value as never)),
  'perennial.v1.ServeResponse': fc
    .record({
      sequence,
      outcome: fc.oneof(
        inferResponse.map((value) => ({ case: 'response' as const, value })),
        fc.record({
          case: fc.constant('error' as const),
          value: fc.record({ code: text, message: text, retryAfterMs: uint32 }),
        }),
        fc.constant({ case: undefined }),
      ),
      queueUs: uint32,
      computeUs: uint32,
      batchId: text,
      batchRows: uint32,
      rowsWaiting: uint32,
      utilisation: fc.float({ noNaN: true }),
    })
    .map((value) => create(ServeResponseSchema, value as never)),
} as const;

/** Views of buffers and plain arrays are both bytes. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, one) => {
      if (typeof one === 'bigint') return `${one}n`;
      if (one?.type === 'Buffer') return { bytes: one.data };
      if (one instanceof Uint8Array) return { bytes: [...one] };
      return one;
    }),
  );

/** What becomes of it, thrown or not. */
const outcomeOf = (work: () => unknown) => {
  try {
    return plain(work());
  } catch (thrown) {
    return `${(thrown as Error).name}: ${(thrown as Error).message}`;
  }
};

test.each(names)('%s is written as the general writer does, byte for byte, and read as it reads', (name) => {
  const codec = inferenceCodecs.get(name);
  fc.assert(
    fc.property(messages[name] as fc.Arbitrary<never>, (message) => {
      const wanted = toBinary(schemas[name] as never, message);
      expect(Buffer.compare(Buffer.from(codec?.encode(message) ?? []), wanted)).toBe(0);
      expect(plain(codec?.decode(wanted))).toEqual(plain(fromBinary(schemas[name] as never, wanted)));
    }),
    { numRuns: 400 },
  );
});

test.each(names)(
  '%s that is cut short, changed or made up is read or refused as by the general reader',
  (name) => {
    const decode = (one: Uint8Array) => inferenceCodecs.get(name)?.decode(one);
    const general = (one: Uint8Array) => fromBinary(schemas[name] as never, one);
    const broken = fc
      .tuple(messages[name] as fc.Arbitrary<never>, fc.nat(), fc.nat(255), fc.boolean())
      .map(([message, at, byte, isCut]) => {
        const whole = Uint8Array.from(toBinary(schemas[name] as never, message));
        if (whole.length === 0) return whole;
        if (isCut) return whole.subarray(0, at % whole.length);
        whole[at % whole.length] = byte;
        return whole;
      });
    fc.assert(
      fc.property(fc.oneof(broken, fc.uint8Array({ maxLength: 60 })), (one) => {
        expect(outcomeOf(() => decode(one))).toEqual(outcomeOf(() => general(one)));
      }),
      { numRuns: 1_000 },
    );
  },
);
