import { expect, test } from 'vitest';
import { given } from '../wire/wire.js';
import { addSubRequest, expectRefused, needs, outputOf, tensor, type WireOf } from './shared.js';

/** Classification, parameters, schedule policy, statistics, model configuration. */
export function extensionCases(wire: WireOf): void {
  classificationCases(wire);
  parameterCases(wire);
  statisticsCases(wire);
  configurationCases(wire);
}

function classificationCases(wire: WireOf): void {
  const scores = tensor('FP32', [2, 4], [0.25, 0.5, -1, 0.5, 3, 1e-7, 2, -0.5]);
  const classes = (classification: number, model = 'scores', input = scores) => ({
    model,
    inputs: [input],
    outputs: [{ name: 'OUTPUT0', parameters: { classification } }],
  });
  const unlabelled = (texts: readonly unknown[]) =>
    texts.map((text) => String(text).split(':').slice(0, 2).join(':'));

  test.for([
    [1, ['0.500000:1', '3.000000:0']],
    [2, ['0.500000:1', '0.500000:3', '3.000000:0', '2.000000:2']],
    [
      4,
      [
        '0.500000:1',
        '0.500000:3',
        '0.250000:0',
        '-1.000000:2',
        '3.000000:0',
        '2.000000:2',
        '0.000000:1',
        '-0.500000:3',
      ],
    ],
  ] as const)('the %i best classes of each row', async ([count, expected], context) => {
    await needs(context, wire(), 'classification');
    const output = outputOf(given(await wire().infer(classes(count))));
    expect(output.datatype).toBe('BYTES');
    expect(output.shape).toEqual([2, count]);
    expect(unlabelled(output.data)).toEqual(expected);
  });

  test('more classes than there are give those that are there', async (context) => {
    await needs(context, wire(), 'classification');
    expect(outputOf(given(await wire().infer(classes(100)))).shape).toEqual([2, 4]);
  });

  test('classes of integers are written as integers', async (context) => {
    await needs(context, wire(), 'classification');
    const counts = tensor('INT64', [1, 4], [5n, -7n, 2n ** 53n + 1n, 0n]);
    const output = outputOf(given(await wire().infer(classes(2, 'counts', counts))));
    expect(unlabelled(output.data)).toEqual(['9007199254740993:2', '5:0']);
  });

  test('texts have no classes', async (context) => {
    await needs(context, wire(), 'classification');
    const asked = classes(1, 'identity_bytes', tensor('BYTES', [1, 2], ['a', 'b']));
    const words = /class result not available for output due to unsupported type 'BYTES'/;
    expectRefused(await wire().infer(asked), 'INVALID_ARGUMENT', words);
  });

  test('truth values have no classes', async (context) => {
    await needs(context, wire(), 'classification');
    const asked = classes(1, 'identity_bool', tensor('BOOL', [1, 2], [true, false]));
    expectRefused(await wire().infer(asked), 'INVALID_ARGUMENT', /unsupported type 'BOOL'/);
  });
}

function parameterCases(wire: WireOf): void {
  test.each([
    ['a priority', { priority: 1 }],
    ['no priority', { priority: 0 }],
    ['a timeout that is long enough', { timeout: 20_000_000 }],
    ['no timeout', { timeout: 0 }],
    ['parameters that nobody reserved', { user: 'x', depth: 3, strict: true, share: 0.5 }],
    ['no sequence', { sequence_id: 0, sequence_start: false, sequence_end: false }],
  ])('%s changes no answer', async (_what, parameters) => {
    const answer = given(await wire().infer(addSubRequest(1, { parameters })));
    expect(outputOf(answer).data.slice(0, 3)).toEqual([1, 2, 3]);
  });

  test('a timeout of a microsecond is over before the model answers, or changes nothing', async () => {
    const answer = await wire().infer(addSubRequest(1, { parameters: { timeout: 1 } }));
    if (!answer.ok) expectRefused(answer, ['DEADLINE_EXCEEDED', 'UNAVAILABLE'], /timeout/i);
  });
}

function statisticsCases(wire: WireOf): void {
  test('statistics count requests and rows', async (context) => {
    await needs(context, wire(), 'statistics');
    const of = async () => {
      const all = given(await wire().statistics('add_sub_fp32'));
      return all.reduce(
        (sum, one) => ({ rows: sum.rows + one.inference_count, success: sum.success + one.success }),
        { rows: 0, success: 0 },
      );
    };
    const before = await of();
    const data = Array.from({ length: 48 }, (_, at) => at / 2);
    const inputs = ['INPUT0', 'INPUT1'].map((name) => tensor('FP32', [3, 16], data, name));
    for (let at = 0; at < 2; at++) given(await wire().infer({ model: 'add_sub_fp32', inputs }));
    const after = await of();
    expect(after.rows - before.rows).toBe(6);
    expect(after.success - before.success).toBe(2);
  });

  test('statistics of one version and of all models', async (context) => {
    await needs(context, wire(), 'statistics');
    const { versions } = given(await wire().modelMetadata('add_sub'));
    const one = given(await wire().statistics('add_sub', versions[0]));
    expect(one.map(({ name, version }) => [name, version])).toEqual([['add_sub', versions[0]]]);
    const all = given(await wire().statistics());
    expect(all.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['add_sub', 'scores', 'identity_bytes']),
    );
  });

  test('statistics of a model that is not there are refused', async (context) => {
    await needs(context, wire(), 'statistics');
    expectRefused(await wire().statistics('no_such_model'), 'NOT_FOUND');
  });
}

function configurationCases(wire: WireOf): void {
  test('a configuration says datatypes and dimensions', async (context) => {
    await needs(context, wire(), 'model_configuration');
    const config = given(await wire().config('add_sub'));
    const dims = config.max_batch_size > 0 ? [16] : [-1, 16];
    expect(config.name).toBe('add_sub');
    expect(config.input).toMatchObject([
      { name: 'INPUT0', data_type: 'TYPE_INT32', dims },
      { name: 'INPUT1', data_type: 'TYPE_INT32', dims },
    ]);
    expect(config.output.map(({ name }) => name)).toEqual(['OUTPUT0', 'OUTPUT1']);
  });

  test('a model without rows has no batches, and texts are strings', async (context) => {
    await needs(context, wire(), 'model_configuration');
    const fixed = given(await wire().config('fixed'));
    expect(fixed).toMatchObject({ max_batch_size: 0, input: [{ data_type: 'TYPE_INT64', dims: [2, 3] }] });
    expect(given(await wire().config('text'))).toMatchObject({ input: [{ data_type: 'TYPE_STRING' }] });
  });

  test('the configuration of a model that is not there is refused', async (context) => {
    await needs(context, wire(), 'model_configuration');
    expectRefused(await wire().config('no_such_model'), 'NOT_FOUND');
  });
}
