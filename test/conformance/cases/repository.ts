import { expect, test } from 'vitest';
import { conformanceModels } from '../models.js';
import type { Server } from '../server.js';
import { given } from '../wire/wire.js';
import { addSubRequest, expectRefused, needs, outputOf, type WireOf } from './shared.js';

/** The extension "model_repository": what there is, loading and unloading. */
export function repositoryCases(wire: WireOf, _server: () => Server): void {
  test('the index names every model and says that it is ready', async (context) => {
    await needs(context, wire(), 'model_repository');
    const index = given(await wire().index());
    for (const { name } of conformanceModels) {
      expect(index).toContainEqual(expect.objectContaining({ name, state: 'READY' }));
    }
  });

  test('the index of what is ready has nothing else', async (context) => {
    await needs(context, wire(), 'model_repository');
    const index = given(await wire().index(true));
    expect(index.length).toBeGreaterThanOrEqual(conformanceModels.length);
    expect(new Set(index.map(({ state }) => state))).toEqual(new Set(['READY']));
  });

  test('loading a model that is loaded loads it anew, and it answers meanwhile', async (context) => {
    await needs(context, wire(), 'model_repository');
    const loading = wire().load('add_sub');
    const meanwhile = await Promise.all(Array.from({ length: 8 }, () => wire().infer(addSubRequest())));
    for (const answer of meanwhile) expect(outputOf(given(answer)).data[0]).toBe(1);
    given(await loading);
    expect(outputOf(given(await wire().infer(addSubRequest()))).data[0]).toBe(1);
  });

  test('an unloaded model does not answer and is not ready, and answers when it is loaded again', async (context) => {
    await needs(context, wire(), 'model_repository');
    const name = 'counts';
    const isReady = async () => {
      const answer = await wire().modelReady(name);
      return answer.ok && answer.value;
    };
    given(await wire().unload(name));
    expect(await isReady()).toBe(false);
    const asked = {
      model: name,
      inputs: [{ name: 'INPUT0', datatype: 'INT64', shape: [1, 4], data: [1n, 2n, 3n, 4n] }],
    };
    expectRefused(
      await wire().infer(asked),
      ['UNAVAILABLE', 'NOT_FOUND', 'INVALID_ARGUMENT'],
      new RegExp(name),
    );
    const index = given(await wire().index());
    expect(index.find((entry) => entry.name === name)?.state).not.toBe('READY');
    given(await wire().load(name));
    expect(await isReady()).toBe(true);
    expect(outputOf(given(await wire().infer(asked))).data).toEqual([1n, 2n, 3n, 4n]);
  });

  test('a model that is not there cannot be loaded', async (context) => {
    await needs(context, wire(), 'model_repository');
    expectRefused(
      await wire().load('no_such_model'),
      ['NOT_FOUND', 'INVALID_ARGUMENT', 'INTERNAL'],
      /no_such_model/,
    );
  });
}
