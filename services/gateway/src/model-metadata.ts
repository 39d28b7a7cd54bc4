import { invalid } from '@perennial/kernel';
import { type Deployments, type Serving, unknownSystem } from './deployments.js';

export const serverName = 'perennial';
export const serverVersion = '0.1.0';
export const serverExtensions = ['binary_tensor_data', 'parameters'];

export interface ModelMetadata {
  readonly name: string;
  readonly versions: string[];
  readonly platform: string;
  readonly inputs: { name: string; datatype: string; shape: number[] }[];
  readonly outputs: { name: string; datatype: string; shape: number[] }[];
}

/**
 * What the protocol tells of a served model.
 *
 * @throws PlatformError SYSTEM_NOT_FOUND, SYSTEM_NOT_SERVING, VERSION_NOT_FOUND
 */
export async function modelMetadata(
  deployments: Deployments,
  model: string,
  version: string,
  deadlineAt: number,
): Promise<ModelMetadata> {
  const { deployment } = await deployments.find(model, deadlineAt);
  const versions = deployment.routes.map((route) => String(route.version));
  if (version !== '' && !versions.includes(version)) throw versionNotFound(model, version, versions);
  return {
    name: model,
    versions,
    platform: 'onnxruntime_onnx',
    inputs: deployment.inputs.map(({ name, datatype }) => ({ name, datatype, shape: [-1, 1] })),
    // Every model file of the platform has this one output; trainers are held to it.
    outputs: [{ name: 'prediction', datatype: 'FP64', shape: [-1, 1] }],
  };
}

/** Whether this version, or any where none is named, answers now. */
export function isModelReady(serving: Serving | undefined, version: string): boolean {
  const routes = serving?.deployment.routes ?? [];
  return routes.some((route) => version === '' || String(route.version) === version);
}

/** @throws PlatformError SYSTEM_NOT_FOUND for a system that nobody has applied */
export function checkModelKnown(deployments: Deployments, model: string): void {
  if (!deployments.isCaughtUp || deployments.source(model)) return;
  throw unknownSystem(model);
}

export function versionNotFound(model: string, version: string, served: readonly string[]) {
  return invalid(
    'VERSION_NOT_FOUND',
    `Request for unknown model: '${model}' version ${version} is not found; served are ${served.join(', ')}`,
    { field: 'model_version' },
  );
}
