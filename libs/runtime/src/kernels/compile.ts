import { type Attribute, type Model, readGraph, type TensorConstant } from '@perennial/onnx';
import type { Tensor } from '../tensor/tensor.js';
import type { Building } from './building.js';
import { activate, binary, concatenate, isNaNs, where } from './elementwise.js';
import { labelEncoder } from './label-encoder.js';
import { gemm, matMul } from './matmul.js';
import {
  type Constant,
  expect,
  NotUnderstood,
  rowOf,
  type Slot,
  Slots,
  type Step,
  slotTypeOf,
} from './slots.js';
import { treeEnsemble, treeRegressor } from './trees.js';

/** A model as a few loops of our own. */
export interface Kernel {
  /** Batches of more rows are cheaper in the engine. */
  readonly rowsMax: number;
  /** Values of each input at which the answers turn, by name; what a comparison must not leave out. */
  readonly probes: ReadonlyMap<string, readonly (number | string)[]>;
  /** Whether the inputs are what the model takes, in its order. */
  takes(inputs: readonly Tensor[]): boolean;
  /** @throws Error where the inputs are not the model's; they were checked before */
  run(inputs: readonly Tensor[]): Tensor[];
}

const operators: Readonly<Record<string, (building: Building) => Step>> = {
  ':Add': binary,
  ':Sub': binary,
  ':Mul': binary,
  ':Div': binary,
  ':IsNaN': isNaNs,
  ':Where': where,
  ':Concat': concatenate,
  ':Relu': activate,
  ':Tanh': activate,
  ':Sigmoid': activate,
  ':MatMul': matMul,
  ':Gemm': gemm,
  'ai.onnx.ml:LabelEncoder': labelEncoder,
  'ai.onnx.ml:TreeEnsemble': treeEnsemble,
  'ai.onnx.ml:TreeEnsembleRegressor': treeRegressor,
};
/** Versions whose operators above mean what they mean here. */
const opsetRange: Readonly<Record<string, readonly [number, number]>> = {
  '': [7, 24],
  'ai.onnx.ml': [1, 5],
};
/** More nodes are no small model. */
const nodesMax = 200;

/** Undefined for anything that is not understood to the last attribute: such a model runs in the engine only. */
export function compileKernel(file: Uint8Array): Kernel | undefined {
  const model = modelOf(file);
  try {
    return model && new Compiler(model).kernel();
  } catch (error) {
    if (error instanceof NotUnderstood) return undefined;
    throw error;
  }
}

/** What the engine opens and we cannot read is its own affair. */
function modelOf(file: Uint8Array): Model | undefined {
  try {
    return readGraph(file);
  } catch {
    return undefined;
  }
}

const datatypes = { float: 'FP32', double: 'FP64', string: 'BYTES', bool: 'BOOL' } as const;

class Compiler {
  readonly #model: Model;
  readonly #slots = new Slots();
  readonly #values = new Map<string, Slot>();
  readonly #constants: ReadonlyMap<string, TensorConstant>;
  readonly #probes = new Map<string, Set<number | string>>();
  /** Inputs that the columns of a value come from, unchanged. */
  readonly #origins = new Map<Slot, readonly (string | undefined)[]>();

  constructor(model: Model) {
    this.#model = model;
    this.#constants = new Map(model.graph.constants.map((constant) => [constant.name, constant]));
    for (const [domain, version] of Object.entries(model.opsets)) {
      const [least, most] = opsetRange[domain] ?? [1, 0];
      expect(domain in opsetRange ? version >= least && version <= most : true, `opset ${domain} ${version}`);
    }
  }

  kernel(): Kernel {
    const { inputs, outputs, nodes } = this.#model.graph;
    expect(nodes.length <= nodesMax, `${nodes.length} nodes`);
    const sources = inputs.map((input) => this.#input(input));
    const steps = nodes.map((node) => this.#step(node));
    const ends = outputs.map(({ name, type }) => {
      const slot = this.#values.get(name);
      expect(slot && slot.type === slotTypeOf(type) && slot.type !== 'string', `output ${name}`);
      return { name, slot };
    });
    const slots = this.#slots;
    const probes = new Map([...this.#probes].map(([name, values]) => [name, [...values]]));
    return {
      rowsMax: Number.MAX_SAFE_INTEGER,
      probes,
      takes: (given) => areWhatIsTaken(given, sources),
      run: (given) => runSteps(given, { sources, steps, ends, slots }),
    };
  }

  #input({ name, type, dims }: Model['graph']['inputs'][number]): Source {
    expect(!this.#constants.has(name), `input ${name} with a default`);
    const [rows, columns] = dims;
    expect(dims.length === 2 && typeof rows === 'string' && typeof columns === 'number', `shape of ${name}`);
    const slot = this.#slots.borrowed(slotTypeOf(type), columns);
    expect(slot.type !== 'bool', `input ${name} of bool`);
    this.#name(name, slot);
    this.#origins.set(slot, new Array(columns).fill(name));
    return { name, slot };
  }

  #name(name: string | undefined, slot: Slot): void {
    expect(name && !this.#values.has(name), `value ${name}`);
    this.#values.set(name, slot);
  }

  #step(node: Model['graph']['nodes'][number]): Step {
    const build = operators[`${node.domain}:${node.op}`];
    expect(build && node.outputs.length === 1, `operator ${node.op}`);
    const asked = new Set<string>();
    const building: Building = {
      node,
      slots: this.#slots,
      value: (name) => (name === undefined ? undefined : this.#values.get(name)),
      constant: (name) => this.#constantRow(name),
      tensor: (name) => (name === undefined ? undefined : this.#constants.get(name)),
      attribute: (name, kind) => {
        asked.add(name);
        return attributeOf(node.attributes, name, kind) as never;
      },
      output: (slot) => {
        this.#name(node.outputs[0], slot as unknown as Slot);
        return slot;
      },
      probe: (slot, column, values) => this.#probe(slot, column, values),
    };
    const step = build(building);
    // An attribute that nobody asked about may change what the operator means.
    const strange = Object.keys(node.attributes).find((name) => !asked.has(name));
    expect(strange === undefined, `attribute ${strange} of ${node.op}`);
    this.#follow(node);
    return step;
  }

  #constantRow(name: string | undefined): Constant | undefined {
    const constant = name === undefined ? undefined : this.#constants.get(name);
    return constant && rowOf(constant);
  }

  /** Columns keep their origin through what does not change them. */
  #follow({ op, inputs, outputs }: Model['graph']['nodes'][number]): void {
    const to = this.#values.get(outputs[0] as string) as Slot;
    if (op !== 'Concat') return;
    const origins = inputs.flatMap((name) => {
      const from = this.#values.get(name) as Slot;
      return this.#origins.get(from) ?? new Array<undefined>(from.columns).fill(undefined);
    });
    this.#origins.set(to, origins);
  }

  #probe(slot: Slot, column: number, values: Iterable<number | string>): void {
    const name = this.#origins.get(slot)?.[column];
    if (name === undefined) return;
    const known = this.#probes.get(name) ?? new Set();
    for (const value of values) known.add(value);
    this.#probes.set(name, known);
  }
}

function attributeOf(attributes: Readonly<Record<string, Attribute>>, name: string, kind: Attribute['kind']) {
  const attribute = attributes[name];
  if (attribute === undefined) return undefined;
  expect(attribute.kind === kind, `attribute ${name}`);
  return attribute.value;
}

interface Source {
  readonly name: string;
  readonly slot: Slot;
}

interface Compiled {
  readonly sources: readonly Source[];
  readonly steps: readonly Step[];
  readonly ends: readonly Source[];
  readonly slots: Slots;
}

function areWhatIsTaken(inputs: readonly Tensor[], sources: readonly Source[]): boolean {
  if (inputs.length !== sources.length) return false;
  const rows = inputs[0]?.shape[0] ?? 0;
  for (let at = 0; at < sources.length; at++) {
    const { name, datatype, shape, data } = inputs[at] as Tensor;
    const { name: wanted, slot } = sources[at] as Source;
    if (name !== wanted || datatype !== datatypes[slot.type] || shape.length !== 2) return false;
    if (shape[0] !== rows || shape[1] !== slot.columns || data.length !== rows * slot.columns) return false;
  }
  return true;
}

function runSteps(inputs: readonly Tensor[], { sources, steps, ends, slots }: Compiled): Tensor[] {
  if (!areWhatIsTaken(inputs, sources)) throw new Error('the kernel was given inputs that it does not take');
  const rows = inputs[0]?.shape[0] ?? 0;
  slots.grow(rows);
  for (let at = 0; at < sources.length; at++)
    (sources[at] as Source).slot.data = (inputs[at] as Tensor).data as never;
  for (const step of steps) step(rows);
  return ends.map(({ name, slot }) => ({
    name,
    datatype: datatypes[slot.type],
    shape: [rows, slot.columns],
    data: slot.data.slice(0, rows * slot.columns) as Float64Array,
  }));
}
