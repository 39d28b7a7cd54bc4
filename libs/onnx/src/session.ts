import { PlatformError } from '@perennial/kernel';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';

/** A column of a batch, one value a row: numbers (NaN is missing) or texts ('' is missing). */
export type Column = Float64Array | readonly string[];

/** A model of one `[N,1]` input per feature and one output `[N,1]`, ready to run. */
export interface ColumnSession {
  readonly inputs: readonly { readonly name: string; readonly kind: 'number' | 'text' }[];
  /**
   * One prediction a row, in chunks. Blocks its thread while it computes.
   *
   * @throws PlatformError MODEL_RUN_FAILED
   */
  predict(columns: Readonly<Record<string, Column>>, rows: number): Promise<Float64Array>;
  release(): Promise<void>;
}

/** Rows in one run: large enough to make the call's cost vanish, small enough for flat memory. */
const chunkRows = 16_384;

/** ONNX Runtime's version and binary are loaded with the first session, not before. */
async function runtime() {
  return (await import('onnxruntime-node')).default;
}

export async function runtimeVersion(): Promise<string> {
  return (await runtime()).env.versions.node ?? 'unknown';
}

/**
 * Makes a session for a checked model on the CPU.
 *
 * @throws PlatformError MODEL_UNLOADABLE; MODEL_SHAPE_UNSUPPORTED where it is no model of columns
 */
export async function openColumnSession(file: Uint8Array, { threads = 1 } = {}): Promise<ColumnSession> {
  const { InferenceSession, Tensor } = await runtime();
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(file, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      enableCpuMemArena: false,
      logSeverityLevel: 3,
    });
  } catch (cause) {
    throw modelError('MODEL_UNLOADABLE', 'ONNX Runtime refused the model', cause);
  }
  const inputs = session.inputMetadata.map(inputOf);
  const output = session.outputNames[0];
  if (output === undefined) throw modelError('MODEL_SHAPE_UNSUPPORTED', 'the model has no output');

  const runChunk = async (columns: Readonly<Record<string, Column>>, from: number, to: number) => {
    const feeds: Record<string, OrtTensor> = {};
    for (const { name, kind } of inputs) {
      const values = columns[name];
      if (values === undefined) throw modelError('MODEL_RUN_FAILED', `no column for the input "${name}"`);
      feeds[name] =
        kind === 'text'
          ? new Tensor('string', values.slice(from, to) as string[], [to - from, 1])
          : new Tensor('float64', (values as Float64Array).slice(from, to), [to - from, 1]);
    }
    return (await session.run(feeds, [output]))[output]?.data as ArrayLike<number>;
  };

  return {
    inputs,
    predict: async (columns, rows) => {
      const predictions = new Float64Array(rows);
      try {
        for (let from = 0; from < rows; from += chunkRows) {
          const to = Math.min(rows, from + chunkRows);
          predictions.set(Float64Array.from(await runChunk(columns, from, to)), from);
        }
      } catch (cause) {
        if (cause instanceof PlatformError) throw cause;
        throw modelError('MODEL_RUN_FAILED', 'the model failed while it ran', cause);
      }
      return predictions;
    },
    release: () => session.release(),
  };
}

function inputOf(metadata: InferenceSession.ValueMetadata): { name: string; kind: 'number' | 'text' } {
  const kind = !metadata.isTensor
    ? undefined
    : ({ float64: 'number', string: 'text' } as const)[metadata.type as string];
  if (!kind) {
    throw modelError(
      'MODEL_SHAPE_UNSUPPORTED',
      `input "${metadata.name}" must be a [N,1] tensor of double or string`,
    );
  }
  return { name: metadata.name, kind };
}

function modelError(code: string, message: string, cause?: unknown): PlatformError {
  return new PlatformError(code, 'caller', 'never', message, {
    ...(cause !== undefined && { cause, internal: String(cause) }),
  });
}
