import { create } from '@bufbuild/protobuf';
import { oip } from '@perennial/contracts';
import { type Clock, invalid } from '@perennial/kernel';
import { inputsOf, responseOf } from '@perennial/runtime';
import { type Call, type RpcService, rpc } from '@perennial/service';
import type { Deployments } from '../deployments.js';
import { gatewayLimits } from '../limits.js';
import {
  checkModelKnown,
  isModelReady,
  modelMetadata,
  serverExtensions,
  serverName,
  serverVersion,
} from '../model-metadata.js';
import type { Predictor } from '../predictor.js';

/** Health alone answers without a token. */
export const openGrpcPaths: ReadonlySet<string> = new Set([
  '/inference.GRPCInferenceService/ServerLive',
  '/inference.GRPCInferenceService/ServerReady',
]);

/** The Open Inference Protocol over gRPC. Answers are raw, as its common clients read them. */
export function inferenceService({
  deployments,
  predictor,
  clock,
}: {
  deployments: Deployments;
  predictor: Predictor;
  clock: Clock;
}): RpcService {
  const deadlineOf = ({ deadline }: Call) => performance.now() + leftMs(deadline, clock);
  return rpc(oip.GRPCInferenceService, {
    serverLive: () => ({ live: true }),
    serverReady: () => ({ ready: deployments.isCaughtUp }),
    serverMetadata: () => ({ name: serverName, version: serverVersion, extensions: serverExtensions }),
    modelReady: ({ name, version }) => {
      checkModelKnown(deployments, name);
      return { ready: isModelReady(deployments.current(name), version) };
    },
    modelMetadata: async ({ name, version }, call) => {
      const metadata = await modelMetadata(deployments, name, version, deadlineOf(call));
      const shaped = ({ shape, ...tensor }: { name: string; datatype: string; shape: number[] }) => ({
        ...tensor,
        shape: shape.map(BigInt),
      });
      return { ...metadata, inputs: metadata.inputs.map(shaped), outputs: metadata.outputs.map(shaped) };
    },
    modelInfer: (request, call) => infer(predictor, request, deadlineOf(call)),
  });
}

async function infer(
  predictor: Predictor,
  request: oip.ModelInferRequest,
  deadlineAt: number,
): Promise<oip.ModelInferResponse> {
  const { predictionId, version, outputs } = await predictor.predictTensors({
    system: request.modelName,
    version: request.modelVersion,
    transport: 'grpc/v2',
    deadlineAt,
    body: async () => ({
      inputs: inputsOf(request),
      outputNames: request.outputs.map(({ name }) => name),
      eventTime: textParameter(request, 'event_time'),
    }),
  });
  const response = responseOf(outputs, {
    modelName: request.modelName,
    modelVersion: String(version),
    id: request.id,
    typed: textParameter(request, 'output_form') === 'typed',
  });
  response.parameters['prediction_id'] = create(oip.InferParameterSchema, {
    parameterChoice: { case: 'stringParam', value: predictionId },
  });
  return response;
}

function textParameter(request: oip.ModelInferRequest, name: string): string | undefined {
  const choice = request.parameters[name]?.parameterChoice;
  if (choice === undefined || choice.case === undefined) return undefined;
  if (choice.case === 'stringParam') return choice.value;
  throw invalid('INFER_BODY_INVALID', `the parameter ${name} must be a text`, { field: name });
}

/** The client's deadline, within our own bounds. */
function leftMs(deadline: Date | undefined, clock: Clock): number {
  if (!deadline) return gatewayLimits.predictTimeoutMs;
  return Math.min(deadline.getTime() - clock.now(), gatewayLimits.predictTimeoutMsMax);
}
