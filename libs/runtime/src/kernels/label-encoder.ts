import type { Building } from './building.js';
import { expect, type Step } from './slots.js';

/** LabelEncoder of texts to numbers, as tensors (ai.onnx.ml 4) or lists (2). */
export function labelEncoder(building: Building): Step {
  const { node, value, attribute, output, slots, probe } = building;
  const from = value(node.inputs[0]);
  expect(from?.type === 'string', 'operand of LabelEncoder');
  const { keys, values, unseen, type } = codesOf(attribute);
  expect(keys.length === values.length, 'keys and values of LabelEncoder');
  const codes = new Map<string, number>();
  // The first of equal keys counts; one that holds a NUL is never met, see asEngine.
  keys.forEach((key, at) => {
    if (!codes.has(key) && !key.includes('\0')) codes.set(key, values[at] as number);
  });
  const to = output(slots.make(type, from.columns));
  for (let column = 0; column < from.columns; column++) probe(from, column, [...keys, ...oddTexts]);
  return (rows) => {
    const texts = from.data as readonly string[];
    for (let at = 0; at < rows * from.columns; at++) {
      const text = texts[at] as string;
      to.data[at] = codes.get(text) ?? codes.get(asEngine(text)) ?? unseen;
    }
  };
}

/** Texts reach the engine as C strings of UTF-8: they end at a NUL, and half a character becomes U+FFFD. */
function asEngine(text: string): string {
  const end = text.indexOf('\0');
  const whole = end < 0 ? text : text.slice(0, end);
  return Buffer.from(whole, 'utf8').toString('utf8');
}

/** Unknown, empty, of characters outside of the first plane, and half a character. */
const oddTexts = ['', 'nobody knows this', '\u{1F30A}', '\uFFFD', '\uD83C', ' ', 'a\u0000b', '\u0000'];

function codesOf(attribute: Building['attribute']) {
  const keys = attribute('keys_tensor', 'tensor');
  const values = attribute('values_tensor', 'tensor');
  if (keys && values) {
    const rest = attribute('default_tensor', 'tensor');
    expect(keys.type === 'string' && rest?.type === values.type, 'tensors of LabelEncoder');
    expect(values.type === 'double' || values.type === 'float', 'values of LabelEncoder');
    const numbers = values.data as Float64Array;
    const unseen = (rest.data as Float64Array)[0];
    expect(unseen !== undefined, 'default of LabelEncoder');
    return { keys: keys.data as readonly string[], values: numbers, unseen, type: values.type };
  }
  const strings = attribute('keys_strings', 'strings');
  const floats = attribute('values_floats', 'floats');
  expect(strings && floats, 'keys and values of LabelEncoder');
  const unseen = attribute('default_float', 'float') ?? -0;
  return {
    keys: strings,
    values: Float32Array.from(floats),
    unseen: Math.fround(unseen),
    type: 'float' as const,
  };
}
