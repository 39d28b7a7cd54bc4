import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { invalid, PlatformError } from '@perennial/kernel';
import * as is from './fields.js';

/** A model's input or output, in the words of the Open Inference Protocol. */
export interface ModelEnd {
  readonly name: string;
  readonly datatype: string;
  /** -1 where any size fits. */
  readonly shape: number[];
}

export interface ModelEnds {
  /** In declared order, without constants that are listed as inputs. */
  readonly inputs: ModelEnd[];
  readonly outputs: ModelEnd[];
}

/** Open Inference datatypes by the numbers of TensorProto.DataType, as far as they can be served. */
const datatypes: Readonly<Record<number, string>> = {
  1: 'FP32',
  2: 'UINT8',
  3: 'INT8',
  4: 'UINT16',
  5: 'INT16',
  6: 'INT32',
  7: 'INT64',
  8: 'BYTES',
  9: 'BOOL',
  10: 'FP16',
  11: 'FP64',
  12: 'UINT32',
  13: 'UINT64',
};
const unservable: Readonly<Record<number, string>> = {
  14: 'complex numbers',
  15: 'complex numbers',
  16: 'bfloat16, which the runtime gives to no client',
};
/** A name, as it will stand in every request. */
const nameLengthMax = 256;
/** More is a mistake of an export: the widest models have some hundred columns. */
const endsMax = 1_000;
const rankMax = 8;
const nothing = new Uint8Array();

/**
 * What a checked model takes and gives. Nothing is built or run.
 *
 * @throws PlatformError MODEL_UNSUPPORTED for maps, sequences, bfloat16 and inputs without a shape; MODEL_MALFORMED
 */
export function modelEnds(file: Uint8Array): ModelEnds {
  try {
    return read(file);
  } catch (thrown) {
    if (thrown instanceof PlatformError) throw thrown;
    // The reader of the wire format has errors of several kinds of its own.
    throw invalid('MODEL_MALFORMED', 'model: the bytes are no ONNX model', { cause: thrown, field: 'model' });
  }
}

function read(file: Uint8Array): ModelEnds {
  const [graph = nothing] = messagesOf(file, is.modelField.graph);
  const constants = new Set<string>();
  for (const constant of messagesOf(graph, is.graphField.initializer)) {
    constants.add(textOf(constant, is.tensorField.name));
  }
  const inputs = messagesOf(graph, is.graphField.input)
    .filter((value) => !constants.has(textOf(value, is.valueField.name)))
    .map((value) => endOf(value, 'input'));
  const outputs = messagesOf(graph, is.graphField.output).map((value) => endOf(value, 'output'));
  if (inputs.length === 0) throw unsupported('it takes no input');
  if (inputs.length > endsMax || outputs.length > endsMax) {
    throw unsupported(`it has over ${endsMax} inputs or outputs`);
  }
  return { inputs, outputs };
}

function endOf(value: Uint8Array, what: 'input' | 'output'): ModelEnd {
  const name = textOf(value, is.valueField.name);
  if (name === '' || name.length > nameLengthMax) {
    throw unsupported(`the name of an ${what} must have 1 to ${nameLengthMax} characters`);
  }
  const [type = nothing] = messagesOf(value, is.valueField.type);
  const [tensor] = messagesOf(type, is.typeField.tensor);
  if (!tensor) {
    throw unsupported(
      `${what} "${name}" is no tensor; export it as one (of scikit-learn: with the option zipmap=False)`,
    );
  }
  const element = numberOf(tensor, is.tensorTypeField.elementType);
  const datatype = datatypes[element];
  if (datatype === undefined) {
    throw unsupported(`${what} "${name}" has ${unservable[element] ?? `the element type ${element}`}`);
  }
  const [shape] = messagesOf(tensor, is.tensorTypeField.shape);
  const dims = shape && messagesOf(shape, is.shapeField.dim).map(dimOf);
  if (dims && dims.length > 0 && dims.length <= rankMax) return { name, datatype, shape: dims };
  // What an export does not say of an output is known when it runs; of an input nobody would know what to send.
  if (what === 'output' && (dims === undefined || dims.length === 0)) return { name, datatype, shape: [-1] };
  throw unsupported(
    dims && dims.length > rankMax
      ? `${what} "${name}" has over ${rankMax} dimensions`
      : `input "${name}" has no dimensions; export it with the rows as its first one`,
  );
}

/** A symbolic size, or one of 0 or below, may be any. */
function dimOf(dim: Uint8Array): number {
  const size = numberOf(dim, is.dimField.value);
  return size > 0 && size <= Number.MAX_SAFE_INTEGER ? size : -1;
}

function messagesOf(message: Uint8Array, field: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  each(message, field, WireType.LengthDelimited, (reader) => found.push(reader.bytes()));
  return found;
}

function textOf(message: Uint8Array, field: number): string {
  let text = '';
  each(message, field, WireType.LengthDelimited, (reader) => {
    text = reader.string();
  });
  return text;
}

function numberOf(message: Uint8Array, field: number): number {
  let value = 0;
  each(message, field, WireType.Varint, (reader) => {
    value = Number(reader.int64());
  });
  return value;
}

function each(
  message: Uint8Array,
  wanted: number,
  type: WireType,
  take: (reader: BinaryReader) => void,
): void {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field !== wanted) reader.skip(wireType, field);
    else if (wireType === type) take(reader);
    else throw new RangeError(`field ${field} has wire type ${wireType}`);
  }
}

function unsupported(why: string): PlatformError {
  return invalid('MODEL_UNSUPPORTED', `model: ${why}`, { field: 'model' });
}
