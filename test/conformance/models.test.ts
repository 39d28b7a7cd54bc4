import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkModel } from '@perennial/onnx';
import { tempDir } from '@perennial/testkit';
import { expect, test } from 'vitest';
import { conformanceModels } from './models.js';

/** Where the files are wanted: for a server of one's own. One folder a model, as model repositories have them. */
const folder = process.env['CONFORMANCE_MODELS'] ?? tempDir('conformance-models');

test.each(conformanceModels)(
  'the model $name is written, and is an ONNX file of its own',
  ({ name, bytes }) => {
    const file = path.join(folder, name, '1', 'model.onnx');
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, bytes);
    const { outputs, nodes } = checkModel(readFileSync(file));
    expect(outputs.length).toBe(nodes);
  },
);
