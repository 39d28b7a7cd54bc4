import { expect, test } from 'vitest';
import { conformanceModels } from '../models.js';
import { given } from '../wire/wire.js';
import { expectRefused, type WireOf } from './shared.js';

/** Health and metadata. */
export function descriptionCases(wire: WireOf): void {
  test('the server is live', async () => {
    expect(given(await wire().live())).toBe(true);
  });

  test('the server is ready', async () => {
    expect(given(await wire().ready())).toBe(true);
  });

  test('the server says its name, its version and its extensions', async () => {
    const { name, version, extensions } = given(await wire().serverMetadata());
    expect(name).not.toBe('');
    expect(version).not.toBe('');
    expect(new Set(extensions).size).toBe(extensions.length);
  });

  test.each(conformanceModels)(
    'the metadata of $name say its inputs and outputs',
    async ({ name, inputs, outputs }) => {
      const metadata = given(await wire().modelMetadata(name));
      expect(metadata.name).toBe(name);
      expect(metadata.platform).toMatch(/^[a-z0-9]+_[a-z0-9]+$/i);
      expect(metadata.versions.length).toBeGreaterThan(0);
      expect(metadata.inputs).toEqual(inputs);
      expect(metadata.outputs).toEqual(outputs);
    },
  );

  test('a model and each of its versions are ready', async () => {
    const { versions } = given(await wire().modelMetadata('add_sub'));
    expect(given(await wire().modelReady('add_sub'))).toBe(true);
    for (const version of versions) expect(given(await wire().modelReady('add_sub', version))).toBe(true);
  });

  test('metadata of one version are those of the model', async () => {
    const all = given(await wire().modelMetadata('add_sub'));
    const one = given(await wire().modelMetadata('add_sub', all.versions[0]));
    expect({ ...one, versions: all.versions }).toEqual(all);
  });

  test('metadata of a model that is not there are refused', async () => {
    expectRefused(await wire().modelMetadata('no_such_model'), 'NOT_FOUND', /unknown model: 'no_such_model'/);
  });

  test('metadata of a version that is not there are refused', async () => {
    expectRefused(
      await wire().modelMetadata('add_sub', '987654'),
      'NOT_FOUND',
      /unknown model: 'add_sub' version 987654/,
    );
  });

  test('a version that is not there is not ready', async () => {
    const answer = await wire().modelReady('add_sub', '987654');
    expect(answer.ok && answer.value).toBe(false);
  });

  test('a model that is not there is not ready', async () => {
    const answer = await wire().modelReady('no_such_model');
    expect(answer.ok && answer.value).toBe(false);
  });
}
