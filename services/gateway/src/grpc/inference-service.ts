import { create, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { oip } from '@perennial/contracts';
import { asPlatformError, type Clock } from '@perennial/kernel';
import { inferenceCodecs } from '@perennial/runtime';
import { type Call, type Implementation, type RpcService, rpc } from '@perennial/service';
import type { Caller } from '../decide/access.js';
import type { Deployments } from '../deployments.js';
import { gatewayLimits } from '../limits.js';
import type { Predictor } from '../predictor.js';
import { serverExtensions, serverName, serverVersion } from '../protocol/descriptions.js';
import { type Answered, infer } from '../protocol/infer.js';
import { parameter, readMessage, writeMessage } from '../protocol/message.js';
import type { Models } from '../protocol/models.js';
import { checkLoadParameters, checkRepository, modelNamed } from '../protocol/repository.js';
import { inOrder } from './in-order.js';

/** Health alone answers without a token. */
export const openGrpcPaths: ReadonlySet<string> = new Set([
  '/inference.GRPCInferenceService/ServerLive',
  '/inference.GRPCInferenceService/ServerReady',
]);

export interface InferenceServiceOptions {
  readonly deployments: Deployments;
  readonly predictor: Predictor;
  readonly models: Models;
  readonly clock: Clock;
}

/** The Open Inference Protocol over gRPC: a shell around protocol/. Answers are raw, as its common clients read them. */
export function inferenceService(options: InferenceServiceOptions): RpcService {
  const { models, clock } = options;
  const deadlineOf = ({ deadline }: Call) => performance.now() + leftMs(deadline, clock);
  const methods: Implementation<typeof oip.GRPCInferenceService> = {
    serverLive: () => ({ live: true }),
    serverReady: () => ({ ready: models.isReady }),
    serverMetadata: () => ({ name: serverName, version: serverVersion, extensions: serverExtensions }),
    modelReady: ({ name, version }) => ({ ready: models.modelReady(name, version) }),
    modelMetadata: async ({ name, version }, call) => {
      const metadata: unknown = await models.metadata(name, version, deadlineOf(call));
      return fromJson(oip.ModelMetadataResponseSchema, metadata as JsonValue);
    },
    modelInfer: (request, call) => answer(options, request, call, deadlineOf(call)),
    modelStreamInfer: (requests, call) =>
      inOrder(requests, gatewayLimits.streamedRequestsMax, streamed(options, call)),
    modelConfig: async ({ name, version }, call) => {
      const config: unknown = await models.config(name, version, deadlineOf(call));
      return { config: fromJson(oip.ModelConfigSchema, config as JsonValue) };
    },
    modelStatistics: async ({ name, version }, call) => {
      const statistics: unknown = await models.statistics(name, version, deadlineOf(call));
      return fromJson(oip.ModelStatisticsResponseSchema, statistics as JsonValue);
    },
    repositoryIndex: ({ repositoryName, ready }) => {
      checkRepository(repositoryName);
      return { models: models.index(ready) };
    },
    repositoryModelLoad: async (request, call) => {
      checkLoadParameters(parametersOf(request));
      await models.load(modelNamed(request), callerOf(call)?.name ?? '');
      return {};
    },
    repositoryModelUnload: async (request, call) => {
      checkLoadParameters(parametersOf(request));
      await models.unload(modelNamed(request), callerOf(call)?.name ?? '');
      return {};
    },
  };
  return rpc(oip.GRPCInferenceService, methods, {
    quick: ['modelInfer', 'modelStreamInfer'],
    codecs: inferenceCodecs,
  });
}

/** Who asks, as the door found out; it has held the call to decide/protocol-access.ts. */
function callerOf({ caller }: Call): Caller | undefined {
  return caller as Caller | undefined;
}

/** At once where nobody else has to be asked. */
function answer(
  { predictor, deployments }: InferenceServiceOptions,
  message: oip.ModelInferRequest,
  call: Call,
  deadlineAt: number,
): oip.ModelInferResponse | Promise<oip.ModelInferResponse> {
  const answered = infer(predictor, deployments, {
    model: message.modelName,
    version: message.modelVersion,
    transport: 'grpc/v2',
    deadlineAt,
    caller: callerOf(call),
    headers: (name) => call.metadata.get(name)[0]?.toString(),
    signal: call.cancellation,
    read: () => readMessage(message),
  });
  return answered instanceof Promise ? answered.then(written) : written(answered);
}

function written({ request, response }: Answered): oip.ModelInferResponse {
  return writeMessage(request, response);
}

/** A stream goes on behind a request that failed, unless its client wants statuses. */
function streamed(options: InferenceServiceOptions, call: Call) {
  const wantsStatus = call.metadata.get('triton_grpc_error')[0]?.toString() === 'true';
  return async (message: oip.ModelInferRequest): Promise<oip.ModelStreamInferResponse> => {
    try {
      // The call's own deadline ends the stream; each request has the time that any request has.
      const deadlineAt = performance.now() + gatewayLimits.predictTimeoutMs;
      const response = await answer(options, message, call, deadlineAt);
      response.parameters['triton_final_response'] = parameter('boolParam', true);
      return create(oip.ModelStreamInferResponseSchema, { inferResponse: response });
    } catch (thrown) {
      const error = asPlatformError(thrown);
      if (wantsStatus) throw error;
      return create(oip.ModelStreamInferResponseSchema, {
        errorMessage: error.message,
        inferResponse: { id: message.id, modelName: message.modelName, modelVersion: message.modelVersion },
      });
    }
  };
}

function parametersOf({ parameters }: oip.RepositoryModelLoadRequest | oip.RepositoryModelUnloadRequest) {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, { parameterChoice }]) => [name, parameterChoice.value]),
  );
}

/** The client's deadline, within our own bounds. */
function leftMs(deadline: Date | undefined, clock: Clock): number {
  if (!deadline) return gatewayLimits.predictTimeoutMs;
  return Math.min(deadline.getTime() - clock.now(), gatewayLimits.predictTimeoutMsMax);
}
