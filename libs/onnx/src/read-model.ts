import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import * as is from './fields.js';

/** What a model file says about itself, without its weights. */
export interface ModelOutline {
  readonly irVersion: number;
  readonly producer: string;
  /** Version by domain; `''` is ai.onnx. */
  readonly opsets: Record<string, number>;
  /** Every operator used, subgraphs and functions included, with how often. */
  readonly operators: { domain: string; op: string; count: number }[];
  /** Local functions by `domain:name`. */
  readonly functions: string[];
  /** True where weights are kept in another file. */
  readonly hasExternalData: boolean;
  readonly nodes: number;
  /** What `nodes` become when every call of a local function is written out; Infinity where functions call themselves. */
  readonly expandedNodes: number;
  /** Constants that the model carries, those of subgraphs and attributes included. */
  readonly constants: number;
  /** Where bfloat16 is used: the name of an input, output or constant, or the operator; undefined where it is not. */
  readonly bfloat16: string | undefined;
  readonly hasGraph: boolean;
  /** Of the outermost graph, declared order; initializers that are listed as inputs included. */
  readonly inputs: string[];
  readonly outputs: string[];
}

type Operators = Map<string, { domain: string; op: string; count: number }>;

interface Seen {
  opsets: Record<string, number>;
  operators: Operators;
  /** Of the outermost graph with its subgraphs, or of the function that is being read. */
  scope: Operators;
  functions: Map<string, Operators>;
  hasExternalData: boolean;
  bfloat16: string | undefined;
  nodes: number;
  constants: number;
}

/** TensorProto.DataType */
const bfloat16 = 16;

/** Graphs within graphs: real models have three levels at most; a bound, since the reader recurses. */
const depthMax = 16;

/**
 * Reads the outline of an ONNX file. Nothing is built or run.
 *
 * @throws RangeError, Error where the bytes are no well-formed ModelProto
 */
export function readModel(file: Uint8Array): ModelOutline {
  const scope: Operators = new Map();
  const seen: Seen = {
    opsets: {},
    operators: new Map(),
    scope,
    functions: new Map(),
    hasExternalData: false,
    bfloat16: undefined,
    nodes: 0,
    constants: 0,
  };
  let irVersion = 0;
  let producer = '';
  let hasGraph = false;
  const inputs: string[] = [];
  const outputs: string[] = [];
  const readers: FieldReaders = {
    [is.modelField.irVersion]: (reader) => {
      irVersion = Number(reader.int64());
    },
    [is.modelField.producerName]: (reader) => {
      producer = reader.string();
    },
    [is.modelField.graph]: (reader) => {
      hasGraph = true;
      seen.scope = scope;
      graph(reader.bytes(), seen, 0, { inputs, outputs });
    },
    [is.modelField.opsetImport]: (reader) => opset(reader.bytes(), seen),
    [is.modelField.functions]: (reader) => functionProto(reader.bytes(), seen),
  };
  fields(file, readers, [is.modelField.irVersion]);
  const { opsets, hasExternalData, nodes, constants } = seen;
  return {
    irVersion,
    producer,
    opsets,
    operators: [...seen.operators.values()],
    functions: [...seen.functions.keys()],
    hasExternalData,
    nodes,
    expandedNodes: expanded(scope, seen.functions),
    constants,
    bfloat16: seen.bfloat16,
    hasGraph,
    inputs,
    outputs,
  };
}

/**
 * The engine writes the calls of local functions out. Functions that call the next one twice each double with every one
 * of them: thirty are a thousand million nodes.
 */
function expanded(scope: Operators, functions: ReadonlyMap<string, Operators>): number {
  const sizes = new Map<string, number>();
  const sizeOf = (operators: Operators): number => {
    let size = 0;
    for (const [key, { count }] of operators) {
      const body = functions.get(key);
      size += count * (body ? bodySizeOf(key, body) : 1);
    }
    return size;
  };
  const bodySizeOf = (key: string, body: Operators): number => {
    const known = sizes.get(key);
    if (known !== undefined) return known;
    // Met again before it is known, it calls itself.
    sizes.set(key, Number.POSITIVE_INFINITY);
    const size = Math.max(1, sizeOf(body));
    sizes.set(key, size);
    return size;
  };
  return sizeOf(scope);
}

type FieldReaders = Record<number, (reader: BinaryReader) => void>;

/**
 * Gives each field to its reader. A field that we read under another wire type than its own is refused: the runtime
 * would skip it as unknown and see something else behind it than we do.
 */
function fields(message: Uint8Array, readers: FieldReaders, varints: readonly number[] = []): void {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const read = readers[field];
    const expected = varints.includes(field) ? WireType.Varint : WireType.LengthDelimited;
    if (!read) reader.skip(wireType, field);
    else if (wireType === expected) read(reader);
    else throw new RangeError(`field ${field} has wire type ${wireType}`);
  }
}

function opset(message: Uint8Array, seen: Seen): void {
  let domain = '';
  let version = 0;
  const readers: FieldReaders = {
    [is.opsetField.domain]: (reader) => {
      domain = reader.string();
    },
    [is.opsetField.version]: (reader) => {
      version = Number(reader.int64());
    },
  };
  fields(message, readers, [is.opsetField.version]);
  seen.opsets[canonicalDomain(domain)] = version;
}

/** `ai.onnx` and the empty text are the same domain. */
function canonicalDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

function graph(
  message: Uint8Array,
  seen: Seen,
  depth: number,
  ends?: { inputs: string[]; outputs: string[] },
) {
  if (depth > depthMax) throw new RangeError(`graphs are nested more than ${depthMax} deep`);
  fields(message, {
    [is.graphField.node]: (reader) => nodeProto(reader.bytes(), seen, depth),
    [is.graphField.initializer]: (reader) => tensor(reader.bytes(), seen),
    [is.graphField.sparse]: (reader) => sparse(reader.bytes(), seen),
    [is.graphField.input]: (reader) => end(reader.bytes(), seen, ends?.inputs),
    [is.graphField.output]: (reader) => end(reader.bytes(), seen, ends?.outputs),
  });
}

/** An input or output. */
function end(message: Uint8Array, seen: Seen, into: string[] | undefined): void {
  let name = '';
  let elementType = 0;
  const tensorType: FieldReaders = {
    [is.tensorTypeField.elementType]: (reader) => {
      elementType = reader.int32();
    },
  };
  const type: FieldReaders = {
    [is.typeField.tensor]: (reader) => fields(reader.bytes(), tensorType, [is.tensorTypeField.elementType]),
  };
  fields(message, {
    [is.valueField.name]: (reader) => {
      name = reader.string();
    },
    [is.valueField.type]: (reader) => fields(reader.bytes(), type),
  });
  if (elementType === bfloat16) seen.bfloat16 ??= name;
  into?.push(name);
}

function nodeProto(message: Uint8Array, seen: Seen, depth: number): void {
  let op = '';
  let domain = '';
  fields(message, {
    [is.nodeField.opType]: (reader) => {
      op = reader.string();
    },
    [is.nodeField.domain]: (reader) => {
      domain = canonicalDomain(reader.string());
    },
    [is.nodeField.attribute]: (reader) => attribute(reader.bytes(), seen, depth),
  });
  seen.nodes += 1;
  for (const operators of [seen.operators, seen.scope]) {
    const known = operators.get(`${domain}:${op}`);
    if (known) known.count += 1;
    else operators.set(`${domain}:${op}`, { domain, op, count: 1 });
  }
}

function attribute(message: Uint8Array, seen: Seen, depth: number): void {
  let attributeName = '';
  let whole = 0;
  const readers: FieldReaders = {
    [is.attributeField.name]: (reader) => {
      attributeName = reader.string();
    },
    [is.attributeField.i]: (reader) => {
      whole = Number(reader.int64());
    },
    [is.attributeField.t]: (reader) => tensor(reader.bytes(), seen),
    [is.attributeField.tensors]: (reader) => tensor(reader.bytes(), seen),
    [is.attributeField.sparseTensor]: (reader) => sparse(reader.bytes(), seen),
    [is.attributeField.sparseTensors]: (reader) => sparse(reader.bytes(), seen),
    [is.attributeField.g]: (reader) => graph(reader.bytes(), seen, depth + 1),
    [is.attributeField.graphs]: (reader) => graph(reader.bytes(), seen, depth + 1),
  };
  fields(message, readers, [is.attributeField.i]);
  if (attributeName === 'to' && whole === bfloat16) seen.bfloat16 ??= 'Cast';
}

function tensor(message: Uint8Array, seen: Seen): void {
  seen.constants += 1;
  const readers: FieldReaders = {
    [is.tensorField.externalData]: (reader) => {
      reader.bytes();
      seen.hasExternalData = true;
    },
    [is.tensorField.dataLocation]: (reader) => {
      if (reader.int32() !== 0) seen.hasExternalData = true;
    },
    [is.tensorField.dataType]: (reader) => {
      if (reader.int32() === bfloat16) seen.bfloat16 ??= 'a constant';
    },
  };
  fields(message, readers, [is.tensorField.dataLocation, is.tensorField.dataType]);
}

function sparse(message: Uint8Array, seen: Seen): void {
  fields(message, {
    [is.sparseField.values]: (reader) => tensor(reader.bytes(), seen),
    [is.sparseField.indices]: (reader) => tensor(reader.bytes(), seen),
  });
}

function functionProto(message: Uint8Array, seen: Seen): void {
  let functionName = '';
  let domain = '';
  const body: Operators = new Map();
  seen.scope = body;
  fields(message, {
    [is.functionField.name]: (reader) => {
      functionName = reader.string();
    },
    [is.functionField.domain]: (reader) => {
      domain = canonicalDomain(reader.string());
    },
    [is.functionField.node]: (reader) => nodeProto(reader.bytes(), seen, 1),
    [is.functionField.opsetImport]: (reader) => opset(reader.bytes(), seen),
  });
  seen.functions.set(`${domain}:${functionName}`, body);
}
