import type { Tensor, TensorSpec } from '@perennial/runtime';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { checkGraph, type Step } from '../../src/graph/check-graph.js';
import { runGraph } from '../../src/graph/run-graph.js';

const column = (name: string, datatype: 'FP32' | 'FP64' = 'FP64', width = 1): TensorSpec => ({
  name,
  datatype,
  shape: [-1, width],
});
const models = new Map([
  ['trees', { inputs: [column('x')], outputs: [column('prediction')] }],
  ['line', { inputs: [column('x')], outputs: [column('prediction')] }],
  ['classes', { inputs: [column('x')], outputs: [column('logits', 'FP32', 3)] }],
]);
const specsOf = (name: string) => models.get(name);

function step(name: string, use: { model?: string; transform?: string }, of: Partial<Step>): Step {
  return { name, ...use, inputs: [], outputs: [], parameters: [], ...of };
}

const classes = step(
  'classes',
  { model: 'classes' },
  { inputs: [{ name: 'x', tensor: 'x' }], outputs: [{ name: 'logits', tensor: 'logits' }] },
);

const ensemble: Step[] = [
  step(
    'blend',
    { transform: 'mean' },
    {
      inputs: [
        { name: 'a', tensor: 'by_trees' },
        { name: 'b', tensor: 'by_line' },
      ],
      outputs: [{ name: 'out', tensor: 'prediction' }],
      parameters: [3, 1],
    },
  ),
  step(
    'trees',
    { model: 'trees' },
    {
      inputs: [{ name: 'x', tensor: 'wind' }],
      outputs: [{ name: 'prediction', tensor: 'by_trees' }],
    },
  ),
  step(
    'line',
    { model: 'line' },
    {
      inputs: [{ name: 'x', tensor: 'wind' }],
      outputs: [{ name: 'prediction', tensor: 'by_line' }],
    },
  ),
];

it('orders steps by what they need, and finds out what the graph takes and gives', () => {
  const graph = checkGraph(ensemble, [], specsOf);
  expect(graph.steps.map(({ name }) => name)).toEqual(['trees', 'line', 'blend']);
  expect(graph.inputs).toEqual([column('wind')]);
  expect(graph.outputs).toEqual([column('prediction')]);
});

it('answers with the weighted mean of its models, which run side by side', async () => {
  const { steps } = checkGraph(ensemble, [], specsOf);
  const running: string[] = [];
  const wind: Tensor = { ...column('wind'), shape: [2, 1], data: Float64Array.of(1, 2) };
  const outputs = await runGraph(steps, ['prediction'], [wind], async (model, [x]) => {
    running.push(model);
    // Neither can end before both have begun.
    while (running.length < 2) await Promise.resolve();
    const factor = model === 'trees' ? 10 : 2;
    const data = Float64Array.from(x?.data as Float64Array, (value) => value * factor);
    return [{ ...column('prediction'), shape: [2, 1], data }];
  });
  expect(outputs).toEqual([{ ...column('prediction'), shape: [2, 1], data: Float64Array.of(8, 16) }]);
});

it('names the step whose model failed', async () => {
  const { steps } = checkGraph(ensemble, [], specsOf);
  const wind: Tensor = { ...column('wind'), shape: [1, 1], data: Float64Array.of(1) };
  const { invalid } = await import('@perennial/kernel');
  const failing = runGraph(steps, ['prediction'], [wind], async (model) => {
    if (model === 'line') throw invalid('INPUT_SHAPE', 'too wide');
    return [{ ...column('prediction'), shape: [1, 1], data: Float64Array.of(1) }];
  });
  await expect(failing).rejects.toMatchObject({ code: 'INPUT_SHAPE', message: "step 'line': too wide" });
});

it.each<[string, Step[], string[], RegExp]>([
  ['no steps', [], [], /1 to 32 steps/],
  ['a step twice', [ensemble[1] as Step, ensemble[1] as Step], [], /two steps named 'trees'/],
  [
    'a circle',
    [
      step(
        'one',
        { transform: 'scale' },
        {
          inputs: [{ name: 'x', tensor: 'b' }],
          outputs: [{ name: 'out', tensor: 'a' }],
          parameters: [1, 0],
        },
      ),
      step(
        'two',
        { transform: 'scale' },
        {
          inputs: [{ name: 'x', tensor: 'a' }],
          outputs: [{ name: 'out', tensor: 'b' }],
          parameters: [1, 0],
        },
      ),
    ],
    [],
    /'one', 'two' wait for each other/,
  ],
  ['neither model nor transform', [step('one', {}, {})], [], /either "model" or "transform"/],
  [
    'an unknown model',
    [step('one', { model: 'none' }, { outputs: [{ name: 'y', tensor: 'y' }] })],
    [],
    /no model 'none' is served/,
  ],
  [
    'an input left out',
    [step('one', { model: 'line' }, { outputs: [{ name: 'prediction', tensor: 'y' }] })],
    [],
    /leaves out the input 'x'/,
  ],
  [
    'an output that the model does not give',
    [
      step(
        'one',
        { model: 'line' },
        {
          inputs: [{ name: 'x', tensor: 'x' }],
          outputs: [{ name: 'score', tensor: 'y' }],
        },
      ),
    ],
    [],
    /has no output 'score'; it gives 'prediction'/,
  ],
  [
    'mixed datatypes',
    [
      classes,
      step(
        'line',
        { model: 'line' },
        {
          inputs: [{ name: 'x', tensor: 'x' }],
          outputs: [{ name: 'prediction', tensor: 'y' }],
        },
      ),
      step(
        'both',
        { transform: 'concat' },
        {
          inputs: [
            { name: 'a', tensor: 'logits' },
            { name: 'b', tensor: 'y' },
          ],
          outputs: [{ name: 'out', tensor: 'z' }],
        },
      ),
    ],
    [],
    /put cast_fp64 or cast_fp32 before it/,
  ],
  ['an output that nobody makes', ensemble, ['score'], /no step makes 'score'/],
])('refuses %s, and says what to do', (_, steps, outputs, message) => {
  expect(() => checkGraph(steps, outputs, specsOf)).toThrow(message);
});

it('turns logits into shares that sum to 1, whatever their size, and into the class with the most', async () => {
  const steps = [
    classes,
    step(
      'shares',
      { transform: 'softmax' },
      {
        inputs: [{ name: 'in', tensor: 'logits' }],
        outputs: [{ name: 'out', tensor: 'shares' }],
      },
    ),
    step(
      'class',
      { transform: 'argmax' },
      {
        inputs: [{ name: 'in', tensor: 'logits' }],
        outputs: [{ name: 'out', tensor: 'class' }],
      },
    ),
  ];
  const graph = checkGraph(steps, ['shares', 'class'], specsOf);
  const x: Tensor = { ...column('x'), shape: [1, 1], data: Float64Array.of(1) };
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(...Array.from({ length: 3 }, () => fc.float({ noNaN: true, noDefaultInfinity: true }))),
      async (logits) => {
        const [shares, best] = await runGraph(graph.steps, ['shares', 'class'], [x], async () => [
          { name: 'logits', datatype: 'FP32', shape: [1, 3], data: Float32Array.from(logits) },
        ]);
        const values = Array.from((shares as Tensor).data as Float32Array);
        expect(values.reduce((sum, value) => sum + value)).toBeCloseTo(1, 5);
        expect(logits[Number(best?.data[0])]).toBe(Math.max(...logits));
      },
    ),
  );
});
