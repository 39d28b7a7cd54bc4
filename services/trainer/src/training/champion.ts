import { readFile } from 'node:fs/promises';
import { type Column, checkModel, openColumnSession } from '@perennial/onnx';
import type { LoadedRows } from './load.js';

export interface Champion {
  readonly inputs: readonly { readonly name: string; readonly kind: 'number' | 'text' }[];
  predict(holdout: LoadedRows): Promise<{ predicted: Float64Array; notes: string[] }>;
  release(): Promise<void>;
}

/**
 * The model that serves. It may take other features than the candidate: each column is found by the name of its own
 * input, and one that the hold-out does not have is missing to it, as it would be to a request.
 */
export async function openChampion(file: string): Promise<Champion> {
  const bytes = await readFile(file);
  checkModel(bytes);
  const session = await openColumnSession(bytes);
  return {
    inputs: session.inputs,
    release: () => session.release(),
    predict: async ({ columns, rows }) => {
      const notes: string[] = [];
      const own: Record<string, Column> = {};
      for (const { name, kind } of session.inputs) {
        const column = columns[name];
        const fits = column !== undefined && column instanceof Float64Array === (kind === 'number');
        if (fits) own[name] = column;
        else {
          own[name] =
            kind === 'number' ? new Float64Array(rows).fill(Number.NaN) : new Array<string>(rows).fill('');
          notes.push(
            `the champion takes ${name} as ${kind}, which the hold-out has not; it was judged without`,
          );
        }
      }
      return { predicted: await session.predict(own, rows), notes };
    },
  };
}
