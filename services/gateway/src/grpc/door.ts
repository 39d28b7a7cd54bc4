import { oip } from '@perennial/contracts';
import { asPlatformError } from '@perennial/kernel';
import type { RpcService, ServeOptions } from '@perennial/service';
import type { Access } from '../access/access.js';
import type { Denials } from '../access/denials.js';
import { type GrpcCall, grpcCalls } from '../decide/protocol-access.js';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import type { Predictor } from '../predictor.js';
import { rowsService } from '../rows/rows-service.js';
import { type GuardOptions, guarded } from './guarded.js';

/** By `/package.Service/Method`. */
const rules: ReadonlyMap<string, GrpcCall> = new Map(
  oip.GRPCInferenceService.methods.map((method) => [
    `/${oip.GRPCInferenceService.typeName}/${method.name}`,
    grpcCalls[method.localName as keyof typeof grpcCalls],
  ]),
);

/** How the gRPC port lets people in: who calls is found out first, what they may is asked of every message. */
export function grpcDoor(
  service: RpcService,
  {
    access,
    denials,
    predictor,
    ingest,
  }: { access: Access; denials: Denials; predictor: Predictor; ingest: Peers['ingest'] },
): Pick<ServeOptions, 'services' | 'authorize' | 'streamsMax' | 'connectionsMax'> {
  const onForbidden: GuardOptions['onForbidden'] = (path, caller, { peer }) =>
    denials.add({ door: 'grpc', code: 'FORBIDDEN', path, caller: caller.name, remote: peer });
  // A certificate was checked when the connection began.
  const callerAgain: GuardOptions['callerAgain'] = ({ metadata }) => {
    const authorization = metadata.get('authorization')[0]?.toString();
    return authorization === undefined ? undefined : access.callerOf(authorization);
  };
  return {
    services: [
      rowsService({ ingest, onForbidden, callerAgain }),
      guarded(service, {
        onForbidden,
        onRefused: (system, caller, thrown) =>
          predictor.refused({ system, transport: 'grpc/v2', caller }, thrown),
        callerAgain,
      }),
    ],
    streamsMax: gatewayLimits.grpcStreamsMax,
    connectionsMax: gatewayLimits.connectionsMax,
    authorize: (metadata, path, who) => {
      const rule = rules.get(path);
      if (rule && rule.needs === undefined) return undefined;
      const denied = (thrown: unknown): never => {
        const { code } = asPlatformError(thrown);
        if (code === 'UNAUTHENTICATED' || code === 'FORBIDDEN')
          denials.add({ door: 'grpc', code, path, remote: who.peer });
        throw thrown;
      };
      try {
        const caller = access.callerOf(metadata.get('authorization')[0]?.toString(), who.certificate);
        return caller instanceof Promise ? caller.catch(denied) : caller;
      } catch (thrown) {
        return denied(thrown);
      }
    },
  };
}
