import { type DeploymentUpdated, Placement, RouteRole } from '@perennial/contracts';
import { gatewayLimits } from '../limits.js';
import { hasRows, platformOf, type TensorDescription, tensorsOf } from './descriptions.js';

/**
 * A model's configuration in the JSON form of the extension "model_configuration": what clients and load generators
 * read, as far as it means something here.
 */
export function modelConfig(deployment: DeploymentUpdated) {
  const { serve, routes } = deployment;
  const tensors = tensorsOf(deployment);
  const isBatched = hasRows(tensors) && serve?.rowByRow !== true;
  const shaped = ({ name, datatype, shape }: TensorDescription) => ({
    name,
    data_type: datatype === 'BYTES' ? 'TYPE_STRING' : `TYPE_${datatype}`,
    dims: isBatched ? shape.slice(1) : shape,
  });
  return {
    name: deployment.deployment,
    platform: platformOf(deployment),
    backend: routes[0]?.graph ? '' : 'onnxruntime',
    version_policy: {
      specific: {
        versions: routes.filter(({ role }) => role !== RouteRole.SHADOW).map(({ version }) => version),
      },
    },
    max_batch_size: isBatched ? gatewayLimits.configuredBatchMax : 0,
    input: tensors.inputs.map(shaped),
    output: tensors.outputs.map(shaped),
    instance_group: [
      { name: deployment.pool === '' ? 'cpu' : deployment.pool, count: 1, kind: kindOf(deployment) },
    ],
    default_model_filename: 'model.onnx',
    ...(isBatched && {
      dynamic_batching: {
        preferred_batch_size: [...(serve?.preferredBatch ?? [])],
        max_queue_delay_microseconds: 0,
        preserve_ordering: false,
        priority_levels: gatewayLimits.priorityLevels,
        default_priority_level: gatewayLimits.priorityDefault,
        default_queue_policy: {
          timeout_action: 'REJECT',
          default_timeout_microseconds: (serve?.deadlineMs || gatewayLimits.predictTimeoutMs) * 1_000,
          allow_timeout_override: true,
          max_queue_size: serve?.queueRowsMax ?? 0,
        },
      },
    }),
    parameters: {},
    model_transaction_policy: { decoupled: false },
    response_cache: { enable: (serve?.cacheSeconds ?? 0) > 0 },
  };
}

function kindOf({ pool, serve }: DeploymentUpdated): string {
  if (serve?.place === Placement.EDGE) return 'KIND_CPU';
  return pool === 'gpu' ? 'KIND_GPU' : 'KIND_CPU';
}
