import type { MessageInitShape } from '@bufbuild/protobuf';
import type { oip } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { decodeText, type TensorPlace } from './raw.js';
import { type Datatype, elementCount, numberArray, type Tensor } from './tensor.js';

type ContentsField = Exclude<keyof oip.InferTensorContents, '$typeName' | '$unknown'>;

const fields: Partial<Record<Datatype, ContentsField>> = {
  BOOL: 'boolContents',
  UINT8: 'uintContents',
  UINT16: 'uintContents',
  UINT32: 'uintContents',
  UINT64: 'uint64Contents',
  INT8: 'intContents',
  INT16: 'intContents',
  INT32: 'intContents',
  INT64: 'int64Contents',
  FP32: 'fp32Contents',
  FP64: 'fp64Contents',
  BYTES: 'bytesContents',
};

const allFields = [...new Set(Object.values(fields))];

/**
 * Reads the typed contents of a gRPC input.
 *
 * @throws PlatformError TENSOR_DATA_INVALID where the field does not belong to the datatype, TENSOR_SIZE_INVALID where
 * the count does not fit the shape
 */
export function readContents(place: TensorPlace, contents: oip.InferTensorContents): Tensor {
  const { name, datatype, shape, model } = place;
  const field = fields[datatype];
  const stray = allFields.find((other) => other !== field && contents[other].length > 0);
  if (field === undefined || stray) {
    throw invalid(
      'TENSOR_DATA_INVALID',
      `unexpected explicit tensor data for input tensor '${name}' for model '${model}': expected datatype ${datatype}, ` +
        (field ? `which is sent in ${snake(field)}` : 'which can only be sent in raw_input_contents'),
      { field: name },
    );
  }
  const values = contents[field];
  const count = elementCount(name, shape);
  if (values.length !== count) {
    throw invalid(
      'TENSOR_SIZE_INVALID',
      datatype === 'BYTES'
        ? `expected ${count} string elements for inference input '${name}' for model '${model}', got ${values.length}`
        : `unexpected number of elements for input '${name}' for model '${model}'. Expected ${count}, got ${values.length}`,
      { field: name },
    );
  }
  if (datatype === 'BYTES') {
    return { name, datatype, shape, data: contents.bytesContents.map((bytes) => decodeText(name, bytes)) };
  }
  const data = numberArray(datatype, count);
  // The field's values and the array belong to one datatype; the unions of both do not know that.
  if (!(datatype in narrow)) {
    (data as Float64Array).set(values as number[]);
    return { name, datatype, shape, data };
  }
  for (let at = 0; at < count; at++) {
    const value = values[at] as number;
    data[at] = value;
    if (data[at] === value) continue;
    throw invalid(
      'TENSOR_DATA_INVALID',
      `element ${at} of input '${name}' does not fit ${datatype}: ${value}`,
      { field: name },
    );
  }
  return { name, datatype, shape, data };
}

/** Datatypes that share a field with wider ones. */
const narrow = { UINT8: true, UINT16: true, INT8: true, INT16: true };

/** The typed contents of a tensor, or undefined for FP16 and BF16, which have none. */
export function writeContents({
  datatype,
  data,
}: Tensor): MessageInitShape<typeof oip.InferTensorContentsSchema> | undefined {
  const field = fields[datatype];
  if (field === undefined) return undefined;
  if (Array.isArray(data)) return { bytesContents: data.map((text) => Buffer.from(text)) };
  if (datatype === 'BOOL') return { boolContents: Array.from(data as Uint8Array, (value) => value !== 0) };
  return { [field]: Array.from(data as Iterable<number | bigint>) };
}

function snake(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
