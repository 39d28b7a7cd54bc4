import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { assert } from '@perennial/kernel';
import * as is from './fields.js';
import {
  type Attribute,
  elementTypes,
  type Graph,
  type Model,
  type Node,
  type TensorConstant,
  type ValueShape,
} from './graph.js';

/** IR 10 is the first with ai.onnx.ml 5, whose TreeEnsemble knows double. */
const irVersion = 10;

/** The model as a file's bytes; equal models give equal bytes. */
export function writeModel(model: Model): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(is.modelField.irVersion, WireType.Varint).int64(irVersion);
  text(writer, is.modelField.producerName, model.producer);
  text(writer, is.modelField.producerVersion, model.producerVersion);
  message(writer, is.modelField.graph, () => graph(writer, model.graph));
  for (const [domain, version] of Object.entries(model.opsets)) {
    message(writer, is.modelField.opsetImport, () => {
      text(writer, is.opsetField.domain, domain);
      writer.tag(is.opsetField.version, WireType.Varint).int64(version);
    });
  }
  return writer.finish();
}

function graph(writer: BinaryWriter, { name, nodes, constants, inputs, outputs }: Graph): void {
  for (const one of nodes) message(writer, is.graphField.node, () => writeNode(writer, one));
  text(writer, is.graphField.name, name);
  for (const one of constants) message(writer, is.graphField.initializer, () => tensor(writer, one));
  for (const one of inputs) message(writer, is.graphField.input, () => valueShape(writer, one));
  for (const one of outputs) message(writer, is.graphField.output, () => valueShape(writer, one));
}

function writeNode(writer: BinaryWriter, { op, domain, inputs, outputs, attributes }: Node): void {
  for (const name of inputs) text(writer, is.nodeField.input, name);
  for (const name of outputs) text(writer, is.nodeField.output, name);
  text(writer, is.nodeField.opType, op);
  for (const [name, value] of Object.entries(attributes)) {
    message(writer, is.nodeField.attribute, () => {
      text(writer, is.attributeField.name, name);
      attribute(writer, value);
      writer.tag(is.attributeField.type, WireType.Varint).int32(is.attributeType[value.kind]);
    });
  }
  if (domain !== '') text(writer, is.nodeField.domain, domain);
}

function attribute(writer: BinaryWriter, { kind, value }: Attribute): void {
  const field = is.attributeField;
  switch (kind) {
    case 'int':
      writer.tag(field.i, WireType.Varint).int64(value);
      break;
    case 'float':
      writer.tag(field.f, WireType.Bit32).float(value);
      break;
    case 'string':
      text(writer, field.s, value);
      break;
    case 'ints':
      packed(writer, field.ints, value, (each) => writer.int64(each));
      break;
    case 'floats':
      packed(writer, field.floats, value, (each) => writer.float(each));
      break;
    case 'strings':
      for (const each of value) text(writer, field.strings, each);
      break;
    case 'tensor':
      message(writer, field.t, () => tensor(writer, value));
  }
}

function tensor(writer: BinaryWriter, { name, type, dims, data }: TensorConstant): void {
  const size = dims.reduce((product, dim) => product * dim, 1);
  assert(data.length === size, `tensor ${name} has ${data.length} values for [${dims.join(',')}]`);
  packed(writer, is.tensorField.dims, dims, (dim) => writer.int64(dim));
  writer.tag(is.tensorField.dataType, WireType.Varint).int32(elementTypes[type]);
  if (!ArrayBuffer.isView(data)) {
    for (const each of data) text(writer, is.tensorField.stringData, each);
  }
  text(writer, is.tensorField.name, name);
  if (ArrayBuffer.isView(data)) {
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    writer.tag(is.tensorField.rawData, WireType.LengthDelimited).bytes(raw);
  }
}

function valueShape(writer: BinaryWriter, { name, type, dims }: ValueShape): void {
  text(writer, is.valueField.name, name);
  message(writer, is.valueField.type, () =>
    message(writer, is.typeField.tensor, () => {
      writer.tag(is.tensorTypeField.elementType, WireType.Varint).int32(elementTypes[type]);
      message(writer, is.tensorTypeField.shape, () => {
        for (const dim of dims) {
          message(writer, is.shapeField.dim, () => {
            if (typeof dim === 'string') text(writer, is.dimField.param, dim);
            else writer.tag(is.dimField.value, WireType.Varint).int64(dim);
          });
        }
      });
    }),
  );
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function message(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write();
  writer.join();
}

function packed(
  writer: BinaryWriter,
  field: number,
  values: ArrayLike<number>,
  write: (value: number) => void,
): void {
  message(writer, field, () => {
    for (let at = 0; at < values.length; at++) write(values[at] as number);
  });
}
