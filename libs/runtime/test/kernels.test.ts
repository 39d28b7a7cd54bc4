import {
  type Attribute,
  type Graph,
  type Node,
  node,
  type TensorConstant,
  writeModel,
} from '@perennial/onnx';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { train } from '../../learn/src/mod.js';
import { mixed } from '../../learn/test/data.js';
import { exactOf, fusedDouble, fusedFloat } from '../src/kernels/fused.js';
import { compileKernel, isBitEqual, type Kernel, withKernel } from '../src/kernels/mod.js';
import { nextBelow } from '../src/kernels/next-below.js';
import { ProbeRows } from '../src/kernels/probe-rows.js';
import { openModel } from '../src/session.js';

const numbersFrom = (seed: number) => {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 2 - 1;
  };
};

type Kind = 'float' | 'double';
const constant = (name: string, type: Kind, values: number[], dims = [values.length]): TensorConstant => ({
  name,
  type,
  dims,
  data: type === 'float' ? Float32Array.from(values) : Float64Array.from(values),
});

function modelOf(graph: Omit<Graph, 'name' | 'inputs' | 'outputs'>, type: Kind, columns: number): Uint8Array {
  return writeModel({
    producer: 'test',
    producerVersion: '1',
    opsets: { '': 17, 'ai.onnx.ml': 3 },
    graph: {
      name: 'model',
      inputs: [{ name: 'x', type, dims: ['N', columns] }],
      outputs: [{ name: 'y', type, dims: ['N', 1] }],
      ...graph,
    },
  });
}

interface Mlp {
  readonly type: Kind;
  readonly hidden: string;
  readonly last?: string;
  readonly form: 'Gemm' | 'Gemm turned' | 'MatMul and Add';
}

function mlp({ type, hidden, last, form }: Mlp, sizes = [8, 13, 5, 1]): Uint8Array {
  const random = numbersFrom(7);
  const nodes: Node[] = [];
  const constants: TensorConstant[] = [];
  let from = 'x';
  for (let layer = 1; layer < sizes.length; layer++) {
    const [inputs, outputs] = [sizes[layer - 1] as number, sizes[layer] as number];
    const dims = form === 'Gemm turned' ? [outputs, inputs] : [inputs, outputs];
    constants.push(constant(`w${layer}`, type, Array.from({ length: inputs * outputs }, random), dims));
    constants.push(constant(`b${layer}`, type, Array.from({ length: outputs }, random)));
    const isLast = layer === sizes.length - 1;
    const activation = isLast ? last : hidden;
    const sum = isLast && !activation ? 'y' : `sum${layer}`;
    const turned: Record<string, Attribute> =
      form === 'Gemm turned' ? { transB: { kind: 'int', value: 1 } } : {};
    if (form === 'MatMul and Add') {
      nodes.push(node('MatMul', [from, `w${layer}`], `product${layer}`));
      nodes.push(node('Add', [`product${layer}`, `b${layer}`], sum));
    } else nodes.push(node('Gemm', [from, `w${layer}`, `b${layer}`], sum, turned));
    from = isLast && activation ? 'y' : `out${layer}`;
    if (activation) nodes.push(node(activation, [sum], from));
  }
  return modelOf({ nodes, constants }, type, sizes[0] as number);
}

/** Two trees of ai.onnx.ml 3 as other trainers write them. */
function treeRegressor(changes: Record<string, Attribute> = {}): Uint8Array {
  const ints = (...value: number[]): Attribute => ({ kind: 'ints', value });
  const floats = (...value: number[]): Attribute => ({ kind: 'floats', value });
  const attributes: Record<string, Attribute> = {
    nodes_treeids: ints(0, 0, 0, 0, 0, 1, 1, 1),
    nodes_nodeids: ints(0, 1, 2, 3, 4, 0, 1, 2),
    nodes_featureids: ints(0, 1, 0, 0, 0, 1, 0, 0),
    nodes_modes: {
      kind: 'strings',
      value: ['BRANCH_LEQ', 'BRANCH_LT', 'LEAF', 'LEAF', 'LEAF', 'BRANCH_LT', 'LEAF', 'LEAF'],
    },
    nodes_values: floats(0.1, -3, 0, 0, 0, 0, 0, 0),
    nodes_truenodeids: ints(1, 2, 0, 0, 0, 1, 0, 0),
    nodes_falsenodeids: ints(4, 3, 0, 0, 0, 2, 0, 0),
    nodes_missing_value_tracks_true: ints(1, 0, 0, 0, 0, 1, 0, 0),
    nodes_hitrates: floats(1, 1, 1, 1, 1, 1, 1, 1),
    target_treeids: ints(0, 0, 0, 1, 1),
    target_nodeids: ints(2, 3, 4, 1, 2),
    target_ids: ints(0, 0, 0, 0, 0),
    target_weights: floats(0.1, 0.7, 1e-8, 33.3, -0.2),
    base_values: floats(0.3),
    n_targets: { kind: 'int', value: 1 },
    post_transform: { kind: 'string', value: 'NONE' },
    ...changes,
  };
  const nodes = [node('TreeEnsembleRegressor', ['x'], 'y', attributes, 'ai.onnx.ml')];
  return modelOf({ nodes, constants: [] }, 'float', 2);
}

const trained = (trainer: 'linear' | 'gbdt', task: 'regression' | 'classification') =>
  train(trainer, {
    task,
    table: mixed(600, 5, task),
    parameters: trainer === 'gbdt' ? { trees: 30 } : {},
  }).toOnnx();

async function equality(file: Uint8Array, of: Kernel | undefined = compileKernel(file)): Promise<boolean> {
  if (!of) throw new Error('the model was not understood');
  const session = await openModel(file, { threads: 1, device: 'cpu', requireDevice: false });
  try {
    return await isBitEqual(of, session);
  } finally {
    await session.release();
  }
}

describe('kernels', () => {
  it.each([
    ['linear', 'regression'],
    ['linear', 'classification'],
    ['gbdt', 'regression'],
    ['gbdt', 'classification'],
  ] as const)('answer what our %s trainer wrote for %s bit for bit', async (trainer, task) => {
    expect(await equality(trained(trainer, task))).toBe(true);
  });

  it.each<Mlp>([
    { type: 'float', hidden: 'Relu', form: 'Gemm' },
    { type: 'float', hidden: 'Relu', form: 'MatMul and Add' },
    { type: 'float', hidden: 'Tanh', form: 'Gemm turned', last: 'Sigmoid' },
    { type: 'float', hidden: 'Sigmoid', form: 'Gemm' },
    { type: 'double', hidden: 'Relu', form: 'MatMul and Add', last: 'Sigmoid' },
  ])('answer a small MLP bit for bit ($type, $hidden, $form)', async (layers) => {
    expect(await equality(mlp(layers))).toBe(true);
  });

  it('answer trees of other trainers bit for bit, missing values and strict splits included', async () => {
    expect(await equality(treeRegressor())).toBe(true);
  });

  it('are found out by the comparison where they answer anything else', async () => {
    const weights: Attribute = {
      kind: 'floats',
      value: [0.1, nextBelow(Math.fround(0.7), 'float'), 1e-8, 33.3, -0.2],
    };
    const other = compileKernel(treeRegressor({ target_weights: weights }));
    expect(await equality(treeRegressor(), other)).toBe(false);
    const splits: Attribute = {
      kind: 'floats',
      value: [nextBelow(Math.fround(0.1), 'float'), -3, 0, 0, 0, 0, 0, 0],
    };
    expect(await equality(treeRegressor(), compileKernel(treeRegressor({ nodes_values: splits })))).toBe(
      false,
    );
  });

  it('leave models alone that they do not understand to the last attribute', () => {
    const text = (value: string): Attribute => ({ kind: 'string', value });
    const misunderstood: Record<string, Uint8Array> = {
      'another sum': treeRegressor({ aggregate_function: text('AVERAGE') }),
      'another answer': treeRegressor({ post_transform: text('LOGISTIC') }),
      'an unknown attribute': treeRegressor({ depth_first: { kind: 'int', value: 1 } }),
      'trees in a circle': treeRegressor({
        nodes_truenodeids: { kind: 'ints', value: [0, 2, 0, 0, 0, 1, 0, 0] },
      }),
      'a layer that is not tiny': mlp({ type: 'float', hidden: 'Relu', form: 'Gemm' }, [200, 4, 1]),
      'an unknown operator': mlp({ type: 'float', hidden: 'Softsign', form: 'Gemm' }),
      'no model': new Uint8Array([1, 2, 3]),
    };
    for (const [what, file] of Object.entries(misunderstood))
      expect(compileKernel(file), what).toBeUndefined();
  });

  it('never throw on damaged files', () => {
    const whole = trained('gbdt', 'regression');
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
        const file = cut ? whole.slice(0, at) : whole.slice();
        if (!cut) file[at] = byte;
        compileKernel(file);
      }),
      { numRuns: 300 },
    );
  });

  it('take over small batches only, and the engine answers the rest', async () => {
    const file = trained('linear', 'regression');
    const engine = await openModel(file, { threads: 1, device: 'cpu', requireDevice: false });
    const both = await withKernel(file, engine, []);
    const rows = new ProbeRows(engine.inputs, new Map());
    for (const count of [1, 2, 300]) {
      const inputs = rows.next(count);
      expect(await both.run(inputs)).toEqual(await engine.run(inputs));
    }
    await both.release();
  });
});

describe('fused multiply-add', () => {
  const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
  /** The double or float nearest to a * b + c by whole numbers: of two neighbours the nearer, of equally near the even. */
  const isNearest = (
    value: number,
    [a, b, c]: readonly [number, number, number],
    below: number,
    above: number,
  ) => {
    const parts = [a, b, c, value, below, above].map(exactOf);
    const [ea, eb, ec, ev, el, eh] = parts.map(({ exponent }) => exponent) as number[] as never[] as number[];
    const least = Math.min(
      (ea as number) + (eb as number),
      ec as number,
      ev as number,
      el as number,
      eh as number,
    );
    const at = (digits: bigint, exponent: number) => digits << BigInt(exponent - least);
    const [da, db, dc, dv, dl, dh] = parts.map(({ digits }) => digits) as bigint[];
    const wanted =
      at((da as bigint) * (db as bigint), (ea as number) + (eb as number)) + at(dc as bigint, ec as number);
    const off = (digits: bigint | undefined, exponent: number | undefined) => {
      const difference = at(digits as bigint, exponent as number) - wanted;
      return difference < 0n ? -difference : difference;
    };
    return off(dv, ev) <= off(dl, el) && off(dv, ev) <= off(dh, eh);
  };

  it('of doubles gives the nearest one', () => {
    fc.assert(
      fc.property(finite, finite, finite, fc.boolean(), (a, b, c, cancels) => {
        const third = cancels ? -(a * b) : c;
        fc.pre(Number.isFinite(third));
        const value = fusedDouble(a, b, third);
        fc.pre(Number.isFinite(value));
        const below = nextBelow(value, 'double');
        const above = -nextBelow(-value, 'double');
        fc.pre(Number.isFinite(below) && Number.isFinite(above));
        return isNearest(value, [a, b, third], below, above);
      }),
      { numRuns: 3_000 },
    );
  });

  it('of floats gives the nearest one, ties of the double sum included', () => {
    // 1 + 2^-24 lies between two floats; what the product adds beyond a double's last place decides.
    const tiny = 2 ** -60;
    expect(fusedFloat(tiny, 1, Math.fround(1))).toBe(1);
    expect(fusedFloat(2 ** -24, 1 + 2 ** -23, 1)).toBe(1 + 2 ** -23);
    const float = fc.float({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(float, float, float, (a, b, c) => {
        const value = fusedFloat(a, b, c);
        fc.pre(Number.isFinite(value));
        const below = nextBelow(value, 'float');
        const above = -nextBelow(-value, 'float');
        fc.pre(Number.isFinite(below) && Number.isFinite(above));
        return isNearest(value, [a, b, c], below, above);
      }),
      { numRuns: 3_000 },
    );
  });
});
