import { create, createFileRegistry, type DescService } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import { type Call, type RpcService, rpc } from './types.js';

/** The standard health protocol, `grpc.health.v1.Health`: what load balancers and Kubernetes ask. */

const file = create(FileDescriptorProtoSchema, {
  name: 'grpc/health/v1/health.proto',
  package: 'grpc.health.v1',
  syntax: 'proto3',
  messageType: [
    {
      name: 'HealthCheckRequest',
      field: [{ name: 'service', number: 1, type: Type.STRING, label: Label.OPTIONAL, jsonName: 'service' }],
    },
    {
      name: 'HealthCheckResponse',
      // An enum in the protocol; the same bytes as an int32.
      field: [{ name: 'status', number: 1, type: Type.INT32, label: Label.OPTIONAL, jsonName: 'status' }],
    },
  ],
  service: [
    {
      name: 'Health',
      method: [
        {
          name: 'Check',
          inputType: '.grpc.health.v1.HealthCheckRequest',
          outputType: '.grpc.health.v1.HealthCheckResponse',
        },
        {
          name: 'Watch',
          inputType: '.grpc.health.v1.HealthCheckRequest',
          outputType: '.grpc.health.v1.HealthCheckResponse',
          serverStreaming: true,
        },
      ],
    },
  ],
});

const serving = 1;
const notServing = 2;
/** How often a watcher's state is looked at: a probe's pace, not a request's. */
const watchEveryMs = 1_000;

/** The descriptor of the health service, for clients and tests. */
export const healthDescriptor = createFileRegistry(file, () => undefined).getService(
  'grpc.health.v1.Health',
) as DescService;

export function healthService(isReady: () => Promise<boolean>): RpcService {
  const status = async () => ({ status: (await isReady()) ? serving : notServing });
  return rpc(healthDescriptor, {
    check: status,
    watch: async function* (_request: unknown, call: Call) {
      let told: number | undefined;
      while (!call.signal.aborted && !call.draining.aborted) {
        const now = await status();
        if (now.status !== told) yield now;
        told = now.status;
        await pause(watchEveryMs, [call.signal, call.draining]);
      }
    },
  } as never);
}

function pause(ms: number, until: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, ms);
    function end() {
      clearTimeout(timer);
      for (const signal of until) signal.removeEventListener('abort', end);
      resolve();
    }
    for (const signal of until) signal.addEventListener('abort', end, { once: true });
  });
}
