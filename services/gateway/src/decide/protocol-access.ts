import type { oip } from '@perennial/contracts';
import type { Permission } from './access.js';

/** What one call of the Open Inference Protocol needs. */
export interface ProtocolCall {
  readonly method: 'GET' | 'POST';
  /** `:model` stands for a model's name. */
  readonly path: string;
  /** Undefined: nothing; for probes of health alone. */
  readonly needs: Permission | undefined;
  /** Open to whoever has a scope, although it is about no model. */
  readonly checksScope?: true;
}

const ofModel = (method: 'GET' | 'POST', verb: string, needs: Permission): ProtocolCall[] =>
  ['', '/versions/:version'].map((version) => ({
    method,
    path: `/v2/models/:model${version}${verb}`,
    needs,
  }));
const ofRepository = (path: string, needs: Permission): ProtocolCall[] =>
  ['', '/:repository'].map((repository) => ({
    method: 'POST',
    path: `/v2/repository${repository}${path}`,
    needs,
  }));

/** Everything under /v2. A path that is not here is refused, whatever would answer it. */
export const httpCalls: readonly ProtocolCall[] = [
  ...ofModel('POST', '/infer', 'predict'),
  { method: 'GET', path: '/v2/health/live', needs: undefined },
  { method: 'GET', path: '/v2/health/ready', needs: undefined },
  { method: 'GET', path: '/v2', needs: 'read', checksScope: true },
  { method: 'GET', path: '/v2/', needs: 'read', checksScope: true },
  { method: 'GET', path: '/v2/models', needs: 'read' },
  { method: 'GET', path: '/v2/models/stats', needs: 'read' },
  ...ofModel('GET', '', 'read'),
  ...ofModel('GET', '/ready', 'read'),
  ...ofModel('GET', '/config', 'read'),
  ...ofModel('GET', '/stats', 'read'),
  ...ofRepository('/index', 'read'),
  ...ofRepository('/models/:model/load', 'operate'),
  ...ofRepository('/models/:model/unload', 'operate'),
];

const patterns = httpCalls.map((call) => ({
  call,
  pattern: new RegExp(`^${call.path.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}$`),
}));

/** The call that a path stands for, whatever the method, with what stands in the path, still encoded. */
export function httpCallOf(
  path: string,
): { readonly call: ProtocolCall; readonly params: Readonly<Record<string, string>> } | undefined {
  for (const { call, pattern } of patterns) {
    const match = pattern.exec(path);
    if (match) return { call, params: match.groups ?? {} };
  }
  return undefined;
}

export interface GrpcCall {
  readonly needs: Permission | undefined;
  /** The model that a message is about; absent: the method is about everything. */
  readonly modelOf?: (message: never) => string;
  readonly checksScope?: true;
}

type Named = { readonly name: string };

/** Every method of the service, by its generated name. */
export const grpcCalls: Readonly<Record<keyof typeof oip.GRPCInferenceService.method, GrpcCall>> = {
  serverLive: { needs: undefined },
  serverReady: { needs: undefined },
  serverMetadata: { needs: 'read', checksScope: true },
  modelReady: { needs: 'read', modelOf: ({ name }: Named) => name },
  modelMetadata: { needs: 'read', modelOf: ({ name }: Named) => name },
  modelConfig: { needs: 'read', modelOf: ({ name }: Named) => name },
  modelStatistics: { needs: 'read', modelOf: ({ name }: Named) => name },
  modelInfer: { needs: 'predict', modelOf: ({ modelName }: oip.ModelInferRequest) => modelName },
  modelStreamInfer: { needs: 'predict', modelOf: ({ modelName }: oip.ModelInferRequest) => modelName },
  repositoryIndex: { needs: 'read' },
  repositoryModelLoad: { needs: 'operate', modelOf: modelOfRepository },
  repositoryModelUnload: { needs: 'operate', modelOf: modelOfRepository },
};

/** KServe's copy of the protocol has the model's name in the repository's place. */
function modelOfRepository(message: { readonly repositoryName: string; readonly modelName: string }): string {
  return message.modelName || message.repositoryName;
}
