import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import * as is from './fields.js';
import {
  type Attribute,
  type ElementType,
  elementTypes,
  type Graph,
  type Model,
  type Node,
  type TensorConstant,
  type ValueShape,
} from './graph.js';

/**
 * Reads a whole model, weights included: the reverse of writeModel. It knows what our own kernels can use and no
 * more: subgraphs, functions, sparse and external tensors, half floats and typed (not raw) numbers other than floats
 * and doubles are refused, so that nothing is ever understood by half.
 *
 * @throws RangeError, Error where the bytes are no such model
 */
export function readGraph(file: Uint8Array): Model {
  const opsets: Record<string, number> = {};
  let graph: Graph | undefined;
  let producer = '';
  let producerVersion = '';
  each(file, (field, reader, wire) => {
    if (field === is.modelField.graph) graph = graphOf(bytesOf(reader, wire));
    else if (field === is.modelField.producerName) producer = textOf(reader, wire);
    else if (field === is.modelField.producerVersion) producerVersion = textOf(reader, wire);
    else if (field === is.modelField.opsetImport) opsetInto(opsets, bytesOf(reader, wire));
    else if (field === is.modelField.functions) throw new RangeError('the model has functions of its own');
    else reader.skip(wire, field);
  });
  if (!graph) throw new RangeError('the model has no graph');
  return { graph, opsets, producer, producerVersion };
}

type OnField = (field: number, reader: BinaryReader, wire: WireType) => void;

function each(message: Uint8Array, onField: OnField): void {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    onField(field, reader, wire);
  }
}

function bytesOf(reader: BinaryReader, wire: WireType): Uint8Array {
  if (wire !== WireType.LengthDelimited) throw new RangeError(`a field has the wire type ${wire}`);
  return reader.bytes();
}

function textOf(reader: BinaryReader, wire: WireType): string {
  if (wire !== WireType.LengthDelimited) throw new RangeError(`a text has the wire type ${wire}`);
  return reader.string();
}

function wholeOf(reader: BinaryReader, wire: WireType): number {
  if (wire !== WireType.Varint) throw new RangeError(`a whole number has the wire type ${wire}`);
  const value = Number(reader.int64());
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is too large a whole number`);
  return value;
}

/** Numbers of a repeated field, packed or one by one. */
function numbersInto(
  into: number[],
  reader: BinaryReader,
  wire: WireType,
  one: { wire: WireType; read: (reader: BinaryReader) => number },
): void {
  if (wire === one.wire) into.push(one.read(reader));
  else {
    const packed = new BinaryReader(bytesOf(reader, wire));
    while (packed.pos < packed.len) into.push(one.read(packed));
  }
}

const aWhole = { wire: WireType.Varint, read: (reader: BinaryReader) => wholeOf(reader, WireType.Varint) };
const aFloat = { wire: WireType.Bit32, read: (reader: BinaryReader) => reader.float() };
const aDouble = { wire: WireType.Bit64, read: (reader: BinaryReader) => reader.double() };

function opsetInto(opsets: Record<string, number>, message: Uint8Array): void {
  let domain = '';
  let version = 0;
  each(message, (field, reader, wire) => {
    if (field === is.opsetField.domain) domain = textOf(reader, wire);
    else if (field === is.opsetField.version) version = wholeOf(reader, wire);
    else reader.skip(wire, field);
  });
  opsets[domain === 'ai.onnx' ? '' : domain] = version;
}

function graphOf(message: Uint8Array): Graph {
  const inputs: ValueShape[] = [];
  const outputs: ValueShape[] = [];
  const constants: TensorConstant[] = [];
  const nodes: Node[] = [];
  let name = '';
  each(message, (field, reader, wire) => {
    if (field === is.graphField.node) nodes.push(nodeOf(bytesOf(reader, wire)));
    else if (field === is.graphField.name) name = textOf(reader, wire);
    else if (field === is.graphField.initializer) constants.push(tensorOf(bytesOf(reader, wire)));
    else if (field === is.graphField.input) inputs.push(endOf(bytesOf(reader, wire)));
    else if (field === is.graphField.output) outputs.push(endOf(bytesOf(reader, wire)));
    else if (field === is.graphField.sparse) throw new RangeError('the model has sparse tensors');
    else reader.skip(wire, field);
  });
  return { name, inputs, outputs, constants, nodes };
}

function nodeOf(message: Uint8Array): Node {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: Record<string, Attribute> = {};
  let op = '';
  let domain = '';
  each(message, (field, reader, wire) => {
    if (field === is.nodeField.input) inputs.push(textOf(reader, wire));
    else if (field === is.nodeField.output) outputs.push(textOf(reader, wire));
    else if (field === is.nodeField.opType) op = textOf(reader, wire);
    else if (field === is.nodeField.domain) domain = textOf(reader, wire);
    else if (field === is.nodeField.attribute) {
      const { name, attribute } = attributeOf(bytesOf(reader, wire));
      attributes[name] = attribute;
    } else reader.skip(wire, field);
  });
  return { op, domain: domain === 'ai.onnx' ? '' : domain, inputs, outputs, attributes };
}

function attributeOf(message: Uint8Array): { name: string; attribute: Attribute } {
  const has = is.attributeField;
  const wholes: number[] = [];
  const floats: number[] = [];
  const strings: string[] = [];
  let name = '';
  let type = 0;
  let whole = 0;
  let float = 0;
  let text = '';
  let tensor: TensorConstant | undefined;
  each(message, (field, reader, wire) => {
    if (field === has.name) name = textOf(reader, wire);
    else if (field === has.type) type = wholeOf(reader, wire);
    else if (field === has.i) whole = wholeOf(reader, wire);
    else if (field === has.f && wire === WireType.Bit32) float = reader.float();
    else if (field === has.s) text = textOf(reader, wire);
    else if (field === has.t) tensor = tensorOf(bytesOf(reader, wire));
    else if (field === has.ints) numbersInto(wholes, reader, wire, aWhole);
    else if (field === has.floats) numbersInto(floats, reader, wire, aFloat);
    else if (field === has.strings) strings.push(textOf(reader, wire));
    else reader.skip(wire, field);
  });
  const kinds: Record<number, Attribute | undefined> = {
    [is.attributeType.float]: { kind: 'float', value: float },
    [is.attributeType.int]: { kind: 'int', value: whole },
    [is.attributeType.string]: { kind: 'string', value: text },
    [is.attributeType.tensor]: tensor && { kind: 'tensor', value: tensor },
    [is.attributeType.floats]: { kind: 'floats', value: floats },
    [is.attributeType.ints]: { kind: 'ints', value: wholes },
    [is.attributeType.strings]: { kind: 'strings', value: strings },
  };
  const attribute = kinds[type];
  if (!attribute) throw new RangeError(`attribute ${name} is of a kind (${type}) that is not read here`);
  return { name, attribute };
}

const typeNames = new Map<number, ElementType>(
  Object.entries(elementTypes).map(([name, code]) => [code, name as ElementType]),
);

function elementTypeOf(code: number): ElementType {
  const type = typeNames.get(code);
  if (!type) throw new RangeError(`element type ${code} is not read here`);
  return type;
}

function tensorOf(message: Uint8Array): TensorConstant {
  const has = is.tensorField;
  const dims: number[] = [];
  const typed: number[] = [];
  const strings: string[] = [];
  let name = '';
  let type = 0;
  let raw: Uint8Array | undefined;
  each(message, (field, reader, wire) => {
    if (field === has.dims) numbersInto(dims, reader, wire, aWhole);
    else if (field === has.dataType) type = wholeOf(reader, wire);
    else if (field === has.name) name = textOf(reader, wire);
    else if (field === has.rawData) raw = bytesOf(reader, wire);
    else if (field === has.floatData) numbersInto(typed, reader, wire, aFloat);
    else if (field === has.doubleData) numbersInto(typed, reader, wire, aDouble);
    else if (field === has.int64Data) numbersInto(typed, reader, wire, aWhole);
    else if (field === has.stringData) strings.push(textOf(reader, wire));
    else if (field === has.externalData || field === has.int32Data) {
      throw new RangeError(`tensor ${name} keeps its values in a way that is not read here`);
    } else reader.skip(wire, field);
  });
  const element = elementTypeOf(type);
  const data = element === 'string' ? strings : numbersOf(element, raw, typed);
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (data.length !== size) throw new RangeError(`tensor ${name} has ${data.length} values, not ${size}`);
  return { name, type: element, dims, data };
}

type Numbers = Exclude<TensorConstant['data'], readonly string[]>;

function numbersOf(type: ElementType, raw: Uint8Array | undefined, typed: number[]): Numbers {
  // A copy: the raw bytes lie anywhere in the file, and wider arrays want aligned ones.
  const buffer = raw && new Uint8Array(raw).buffer;
  if (type === 'double') return buffer ? new Float64Array(buffer) : Float64Array.from(typed);
  if (type === 'float') return buffer ? new Float32Array(buffer) : Float32Array.from(typed);
  if (type === 'int64') return buffer ? new BigInt64Array(buffer) : BigInt64Array.from(typed, BigInt);
  if (type === 'int32' && buffer) return new Int32Array(buffer);
  if ((type === 'uint8' || type === 'bool') && buffer) return new Uint8Array(buffer);
  throw new RangeError(`a tensor of ${type} is not read here`);
}

function endOf(message: Uint8Array): ValueShape {
  const dims: (number | string)[] = [];
  let name = '';
  let type = 0;
  let isTensor = false;
  each(message, (field, reader, wire) => {
    if (field === is.valueField.name) name = textOf(reader, wire);
    else if (field === is.valueField.type) {
      each(bytesOf(reader, wire), (kind, inner, innerWire) => {
        if (kind !== is.typeField.tensor) return inner.skip(innerWire, kind);
        isTensor = true;
        type = tensorTypeInto(dims, bytesOf(inner, innerWire));
      });
    } else reader.skip(wire, field);
  });
  if (!isTensor) throw new RangeError(`value ${name} is no tensor`);
  return { name, type: elementTypeOf(type), dims };
}

function tensorTypeInto(dims: (number | string)[], message: Uint8Array): number {
  let type = 0;
  each(message, (field, reader, wire) => {
    if (field === is.tensorTypeField.elementType) type = wholeOf(reader, wire);
    else if (field === is.tensorTypeField.shape) {
      each(bytesOf(reader, wire), (kind, inner, innerWire) => {
        if (kind === is.shapeField.dim) dims.push(dimOf(bytesOf(inner, innerWire)));
        else inner.skip(innerWire, kind);
      });
    } else reader.skip(wire, field);
  });
  return type;
}

/** A size, or the name of an open one; an open one may have no name. */
function dimOf(message: Uint8Array): number | string {
  let dim: number | string = '';
  each(message, (field, reader, wire) => {
    if (field === is.dimField.value) dim = wholeOf(reader, wire);
    else if (field === is.dimField.param) dim = textOf(reader, wire);
    else reader.skip(wire, field);
  });
  return dim;
}
