import { digestOf } from '@perennial/kernel';
import { describe, expect, test } from 'vitest';
import {
  checkModel,
  doubles,
  type Model,
  node,
  openColumnSession,
  runtimeVersion,
  tensorAttribute,
  texts,
  writeModel,
} from '../src/mod.js';

/** prediction = x + code(city), the code of an unknown city being -1. */
const model: Model = {
  producer: 'test',
  producerVersion: '1',
  opsets: { '': 21, 'ai.onnx.ml': 5 },
  graph: {
    name: 'g',
    inputs: [
      { name: 'x', type: 'double', dims: ['N', 1] },
      { name: 'city', type: 'string', dims: ['N', 1] },
    ],
    outputs: [{ name: 'prediction', type: 'double', dims: ['N', 1] }],
    constants: [],
    nodes: [
      node(
        'LabelEncoder',
        ['city'],
        'code',
        {
          keys_tensor: tensorAttribute(texts('keys', ['SEA', 'Zürich', ''])),
          values_tensor: tensorAttribute(doubles('values', [1, 2, Number.NaN])),
          default_tensor: tensorAttribute(doubles('default', [-1])),
        },
        'ai.onnx.ml',
      ),
      node('Add', ['x', 'code'], 'prediction'),
    ],
  },
};

test('a written model runs in ONNX Runtime, with texts, unknown texts and missing values', async () => {
  const session = await openColumnSession(writeModel(model));
  expect(session.inputs).toEqual([
    { name: 'x', kind: 'number' },
    { name: 'city', kind: 'text' },
  ]);
  const answers = await session.predict(
    { x: Float64Array.of(0.1, 1, 1, 1, Number.NaN), city: ['SEA', 'Zürich', 'LAX', '', 'SEA'] },
    5,
  );
  expect([...answers]).toEqual([1.1, 3, 0, Number.NaN, Number.NaN]);
  await session.release();
});

test('more rows than one chunk come back in their order', async () => {
  const session = await openColumnSession(writeModel(model));
  const rows = 40_000;
  const x = Float64Array.from({ length: rows }, (_, at) => at);
  const answers = await session.predict({ x, city: new Array<string>(rows).fill('SEA') }, rows);
  expect(answers.every((value, at) => value === at + 1)).toBe(true);
  await session.release();
});

test('equal models give equal bytes, and the runtime tells its version', async () => {
  expect(digestOf(writeModel(model))).toBe(digestOf(writeModel(structuredClone(model))));
  expect(await runtimeVersion()).toMatch(/^\d+\.\d+/);
});

describe('checkModel', () => {
  test('tells the operators, inputs and outputs of a good model', () => {
    expect(checkModel(writeModel(model))).toMatchObject({
      irVersion: 10,
      opsets: { '': 21, 'ai.onnx.ml': 5 },
      inputs: ['x', 'city'],
      outputs: ['prediction'],
      operators: [
        { domain: 'ai.onnx.ml', op: 'LabelEncoder', count: 1 },
        { domain: '', op: 'Add', count: 1 },
      ],
    });
  });

  const withNode = (domain: string) =>
    writeModel({
      ...model,
      opsets: { ...model.opsets, [domain]: 1 },
      graph: { ...model.graph, nodes: [...model.graph.nodes, node('Evil', ['x'], 'y', {}, domain)] },
    });

  test('refuses operators of a foreign domain by name', () => {
    expect(() => checkModel(withNode('evil.example'))).toThrow(
      expect.objectContaining({ code: 'MODEL_DOMAIN_FORBIDDEN', message: expect.stringContaining('Evil') }),
    );
    expect(checkModel(withNode('com.microsoft')).nodes).toBe(3);
  });

  test('refuses weights in another file, wherever they are named', () => {
    // TensorProto { data_location: EXTERNAL }, as an initializer of the graph and inside an attribute of a node
    const external = [0x70, 0x01];
    const initializer = [0x2a, external.length, ...external];
    const attribute = [0x2a, external.length, ...external];
    const inNode = [0x2a, attribute.length, ...attribute];
    const nodeBytes = [0x0a, inNode.length, ...inNode];
    for (const part of [initializer, nodeBytes]) {
      const graph = [...part, 0x62, 0x03, 0x0a, 0x01, 0x79];
      const file = Uint8Array.from([0x08, 10, 0x3a, graph.length, ...graph, 0x42, 0x02, 0x10, 21]);
      expect(() => checkModel(file)).toThrow(expect.objectContaining({ code: 'MODEL_EXTERNAL_DATA' }));
    }
  });

  test('refuses what is no model: empty, noise, cut off anywhere', () => {
    const file = writeModel(model);
    const bad: Uint8Array[] = [new Uint8Array(), Uint8Array.from([1, 2, 3, 255, 255, 255])];
    for (let length = 1; length < file.length - 20; length += 7) bad.push(file.subarray(0, length));
    for (const bytes of bad) {
      expect(() => checkModel(bytes)).toThrow(expect.objectContaining({ code: 'MODEL_MALFORMED' }));
    }
  });

  test('refuses a field under a foreign wire type, behind which something could hide', () => {
    const file = Uint8Array.from([...writeModel(model), 0x38, 0x02, 0x08, 0x01]);
    expect(() => checkModel(file)).toThrow(expect.objectContaining({ code: 'MODEL_MALFORMED' }));
  });

  test('refuses local functions that double with each other, or call themselves, before they are written out', () => {
    const text = (field: number, value: string) => varintField(field, [...Buffer.from(value)]);
    const call = (op: string) => [...text(4, op), ...text(7, 'local')];
    const functionOf = (name: string, ...calls: string[]) =>
      varintField(25, [
        ...text(1, name),
        ...calls.flatMap((op) => varintField(7, op === 'Add' ? text(4, op) : call(op))),
        ...text(10, 'local'),
      ]);
    const calling = (...functions: number[][]) => {
      const graph = [...varintField(1, call('f0')), ...varintField(12, text(1, 'y'))];
      const opset = (domain: string) => varintField(8, [...text(1, domain), 0x10, 1]);
      return Uint8Array.from([
        0x08,
        10,
        ...varintField(7, graph),
        ...opset(''),
        ...opset('local'),
        ...functions.flat(),
      ]);
    };
    const chain = (length: number) =>
      Array.from({ length }, (_, at) =>
        at === length - 1 ? functionOf(`f${at}`, 'Add') : functionOf(`f${at}`, `f${at + 1}`, `f${at + 1}`),
      );
    expect(checkModel(calling(...chain(10)))).toMatchObject({ expandedNodes: 512 });
    const bombs = [calling(...chain(31)), calling(functionOf('f0', 'f1'), functionOf('f1', 'f0'))];
    for (const file of bombs)
      expect(() => checkModel(file)).toThrow(
        expect.objectContaining({ code: 'MODEL_MALFORMED', message: expect.stringContaining('functions') }),
      );
  });

  test('refuses bfloat16 with the reason, as an input, a constant and the aim of a cast', () => {
    const bfloat16 = 16;
    const cast = node('Cast', ['x'], 'y', { to: { kind: 'int', value: 16 } });
    const graphs = [
      { ...model.graph, inputs: [{ name: 'x', type: 'double' as const, dims: ['N', 1] }], nodes: [cast] },
      { ...model.graph, nodes: [...model.graph.nodes, cast] },
    ];
    for (const graph of graphs)
      expect(() => checkModel(writeModel({ ...model, graph }))).toThrow(
        expect.objectContaining({ code: 'MODEL_UNSUPPORTED', message: expect.stringContaining('bfloat16') }),
      );
    // ValueInfoProto { name: "w", type: { tensor_type: { elem_type: BFLOAT16 } } }, and TensorProto { data_type: BFLOAT16 }
    const input = varintField(11, [0x0a, 1, 0x77, 0x12, 4, 0x0a, 2, 0x08, bfloat16]);
    const constant = varintField(5, [0x10, bfloat16]);
    for (const part of [input, constant]) {
      const graph = [...part, 0x62, 0x03, 0x0a, 0x01, 0x79];
      const file = Uint8Array.from([0x08, 10, ...varintField(7, graph), 0x42, 0x02, 0x10, 21]);
      expect(() => checkModel(file)).toThrow(expect.objectContaining({ code: 'MODEL_UNSUPPORTED' }));
    }
  });

  test('refuses graphs nested without end', () => {
    let nested: number[] = [];
    for (let depth = 0; depth < 40; depth++) {
      const attribute = [...varintField(6, nested)];
      const inNode = [...varintField(5, attribute)];
      nested = varintField(1, inNode);
    }
    const file = Uint8Array.from([...varintField(7, nested), 0x42, 0x02, 0x10, 21]);
    expect(() => checkModel(file)).toThrow(expect.objectContaining({ code: 'MODEL_MALFORMED' }));
  });
});

/** A length-delimited field of up to 16,383 bytes. */
function varintField(field: number, content: number[]): number[] {
  return [...varint((field << 3) | 2), ...varint(content.length), ...content];
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, value >> 7];
}
