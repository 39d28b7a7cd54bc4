/** Just enough of ONNX's protobuf to write small models by hand, so that these tests need no writer of ours. */

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

const number = (field: number, value: number) => Buffer.from([...varint(field * 8), ...varint(value)]);
const bytes = (field: number, ...parts: (Buffer | string)[]) => {
  const content = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(content.length)]), content]);
};

const elementTypes = { FP32: 1, INT64: 7, BYTES: 8, FP64: 11 } as const;
export type TinyType = keyof typeof elementTypes;

function value(field: number, name: string, type: TinyType): Buffer {
  const rows = bytes(1, bytes(2, 'N'));
  const one = bytes(1, number(1, 1));
  const tensor = bytes(1, number(1, elementTypes[type]), bytes(2, rows, one));
  return bytes(field, bytes(1, name), bytes(2, tensor));
}

interface TinyNode {
  op: string;
  inputs: string[];
  outputs: string[];
}

/** A model of `[N,1]` inputs and outputs. */
export function tinyModel(graph: {
  inputs: [string, TinyType][];
  outputs: [string, TinyType][];
  nodes: TinyNode[];
  name?: string;
}): Uint8Array {
  const nodes = graph.nodes.map(({ op, inputs, outputs }) =>
    bytes(1, ...inputs.map((name) => bytes(1, name)), ...outputs.map((name) => bytes(2, name)), bytes(4, op)),
  );
  const body = bytes(
    7,
    ...nodes,
    bytes(2, graph.name ?? 'tiny'),
    ...graph.inputs.map(([name, type]) => value(11, name, type)),
    ...graph.outputs.map(([name, type]) => value(12, name, type)),
  );
  return Buffer.concat([number(1, 8), body, bytes(8, number(2, 15))]);
}

/** prediction = a + b, FP64. */
export const addModel = (name = 'add') =>
  tinyModel({
    name,
    inputs: [
      ['a', 'FP64'],
      ['b', 'FP64'],
    ],
    outputs: [['prediction', 'FP64']],
    nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['prediction'] }],
  });

/** Gives text and 64-bit integers back as they came. */
export const echoModel = () =>
  tinyModel({
    inputs: [
      ['text', 'BYTES'],
      ['whole', 'INT64'],
    ],
    outputs: [
      ['text_out', 'BYTES'],
      ['whole_out', 'INT64'],
    ],
    nodes: [
      { op: 'Identity', inputs: ['text'], outputs: ['text_out'] },
      { op: 'Identity', inputs: ['whole'], outputs: ['whole_out'] },
    ],
  });
