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
  readonly hasGraph: boolean;
  /** Of the outermost graph, declared order; initializers that are listed as inputs included. */
  readonly inputs: string[];
  readonly outputs: string[];
}

interface Seen {
  opsets: Record<string, number>;
  operators: Map<string, { domain: string; op: string; count: number }>;
  functions: string[];
  hasExternalData: boolean;
  nodes: number;
}

/** Graphs within graphs: real models have three levels at most; a bound, since the reader recurses. */
const depthMax = 16;

/**
 * Reads the outline of an ONNX file. Nothing is built or run.
 *
 * @throws RangeError, Error where the bytes are no well-formed ModelProto
 */
export function readModel(file: Uint8Array): ModelOutline {
  const seen: Seen = { opsets: {}, operators: new Map(), functions: [], hasExternalData: false, nodes: 0 };
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
      graph(reader.bytes(), seen, 0, { inputs, outputs });
    },
    [is.modelField.opsetImport]: (reader) => opset(reader.bytes(), seen),
    [is.modelField.functions]: (reader) => functionProto(reader.bytes(), seen),
  };
  fields(file, readers, [is.modelField.irVersion]);
  return { ...seen, operators: [...seen.operators.values()], irVersion, producer, hasGraph, inputs, outputs };
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
    [is.graphField.input]: (reader) => name(reader.bytes(), is.valueField.name, ends?.inputs),
    [is.graphField.output]: (reader) => name(reader.bytes(), is.valueField.name, ends?.outputs),
  });
}

function name(message: Uint8Array, field: number, into: string[] | undefined): void {
  fields(message, { [field]: (reader) => into?.push(reader.string()) });
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
  const key = `${domain}:${op}`;
  const known = seen.operators.get(key);
  if (known) known.count += 1;
  else seen.operators.set(key, { domain, op, count: 1 });
}

function attribute(message: Uint8Array, seen: Seen, depth: number): void {
  fields(message, {
    [is.attributeField.t]: (reader) => tensor(reader.bytes(), seen),
    [is.attributeField.tensors]: (reader) => tensor(reader.bytes(), seen),
    [is.attributeField.sparseTensor]: (reader) => sparse(reader.bytes(), seen),
    [is.attributeField.sparseTensors]: (reader) => sparse(reader.bytes(), seen),
    [is.attributeField.g]: (reader) => graph(reader.bytes(), seen, depth + 1),
    [is.attributeField.graphs]: (reader) => graph(reader.bytes(), seen, depth + 1),
  });
}

function tensor(message: Uint8Array, seen: Seen): void {
  const readers: FieldReaders = {
    [is.tensorField.externalData]: (reader) => {
      reader.bytes();
      seen.hasExternalData = true;
    },
    [is.tensorField.dataLocation]: (reader) => {
      if (reader.int32() !== 0) seen.hasExternalData = true;
    },
  };
  fields(message, readers, [is.tensorField.dataLocation]);
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
  seen.functions.push(`${domain}:${functionName}`);
}
