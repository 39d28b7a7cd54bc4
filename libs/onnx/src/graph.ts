/** ONNX element types, by the numbers of TensorProto.DataType. */
export const elementTypes = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
} as const;

export type ElementType = keyof typeof elementTypes;

/** A constant, little-endian as ONNX wants it, or texts. `dims` empty: a scalar. */
export interface TensorConstant {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: Float64Array | Float32Array | BigInt64Array | Int32Array | Uint8Array | readonly string[];
}

export type Attribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'ints'; readonly value: ArrayLike<number> }
  | { readonly kind: 'floats'; readonly value: ArrayLike<number> }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: TensorConstant };

export interface Node {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A graph input or output; a text dimension is symbolic. */
export interface ValueShape {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly (number | string)[];
}

export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueShape[];
  readonly outputs: readonly ValueShape[];
  readonly constants: readonly TensorConstant[];
  /** In an order in which every input is known before it is used. */
  readonly nodes: readonly Node[];
}

export interface Model {
  readonly graph: Graph;
  /** Version by domain; `''` is ai.onnx. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly producer: string;
  readonly producerVersion: string;
}

export const int = (value: number): Attribute => ({ kind: 'int', value });
export const ints = (value: ArrayLike<number>): Attribute => ({ kind: 'ints', value });
export const tensorAttribute = (value: TensorConstant): Attribute => ({ kind: 'tensor', value });

/** A constant of doubles; one dimension unless `dims` says otherwise. */
export function doubles(name: string, values: ArrayLike<number>, dims = [values.length]): TensorConstant {
  return { name, type: 'double', dims, data: Float64Array.from(values) };
}

export function bytes(name: string, values: ArrayLike<number>, dims = [values.length]): TensorConstant {
  return { name, type: 'uint8', dims, data: Uint8Array.from(values) };
}

export function texts(name: string, values: readonly string[], dims = [values.length]): TensorConstant {
  return { name, type: 'string', dims, data: values };
}

export function node(
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, Attribute>> = {},
  domain = '',
): Node {
  return { op, domain, inputs, outputs: [output], attributes };
}
