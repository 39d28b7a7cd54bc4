import { PlatformError } from '@perennial/kernel';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { withDevice } from './devices.js';
import { type KernelFit, noKernel } from './kernels/fit-kernel.js';
import type { HostOptions } from './model-host.js';
import type { Datatype, Tensor, TensorData, TensorSpec } from './tensor/tensor.js';

const ortTypes = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const satisfies Partial<Record<Datatype, OrtTensor.Type>>;

const datatypes = new Map<string, Datatype>(
  Object.entries(ortTypes).map(([datatype, type]) => [type, datatype as Datatype]),
);

export interface Session extends KernelFit {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** The provider that runs it, and in words why a wanted one does not. */
  readonly device: string;
  /** Blocks its thread while the model runs: onnxruntime-node computes on the thread that asks. */
  run(inputs: readonly Tensor[]): Promise<Tensor[]>;
  /** The same at once, where a kernel takes these inputs; undefined where the engine has to. */
  runNow?(inputs: readonly Tensor[]): Tensor[] | undefined;
  release(): Promise<void>;
}

/** Makes a session for a model that was checked before. */
export async function openModel(bytes: Uint8Array, { threads, ...devices }: HostOptions): Promise<Session> {
  const { opened: session, device } = await withDevice(devices, (provider) =>
    InferenceSession.create(bytes, {
      executionProviders: [provider],
      // By default it takes a thread for each core of the host, whatever share of them is ours.
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      // An arena keeps what the largest batch ever took.
      enableCpuMemArena: false,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    }),
  );
  const outputs = session.outputMetadata.map(specOf);
  return {
    inputs: session.inputMetadata.map(specOf),
    outputs,
    device,
    ...noKernel,
    run: async (inputs) => {
      const feeds: Record<string, OrtTensor> = {};
      for (const { name, datatype, shape, data } of inputs)
        feeds[name] = new OrtTensor(ortTypeOf(datatype), ortDataOf(datatype, data) as never, shape);
      const answers = await session.run(feeds);
      return outputs.map(({ name }) => tensorOf(name, answers[name] as OrtTensor));
    },
    release: () => session.release(),
  };
}

function specOf(metadata: InferenceSession.ValueMetadata): TensorSpec {
  const datatype = metadata.isTensor ? datatypes.get(metadata.type) : undefined;
  if (!metadata.isTensor || !datatype) {
    throw new PlatformError(
      'MODEL_UNSUPPORTED',
      'caller',
      'never',
      `'${metadata.name}' of the model is no tensor of a type that we can carry; export plain tensors (no maps, sequences or bfloat16)`,
      { field: metadata.name },
    );
  }
  return {
    name: metadata.name,
    datatype,
    shape: metadata.shape.map((size) => (typeof size === 'number' && size >= 0 ? size : -1)),
  };
}

function ortTypeOf(datatype: Datatype): OrtTensor.Type {
  if (datatype === 'BF16') {
    throw new PlatformError(
      'MODEL_UNSUPPORTED',
      'caller',
      'never',
      'BF16 cannot be run here; export the model with FP32',
    );
  }
  return ortTypes[datatype];
}

/** Views of the right class for bool and float16, without a copy. */
function ortDataOf(datatype: Datatype, data: TensorData): TensorData {
  return datatype === 'BOOL' ? Uint8Array.from(data as Uint8Array, (value) => (value ? 1 : 0)) : data;
}

function tensorOf(name: string, tensor: OrtTensor): Tensor {
  const datatype = datatypes.get(tensor.type);
  if (!datatype) throw new Error(`output ${name} has the unexpected type ${tensor.type}`);
  return { name, datatype, shape: tensor.dims, data: tensor.data as TensorData };
}
