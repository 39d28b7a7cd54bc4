import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { oip } from '@perennial/contracts';
import { limits } from '@perennial/kernel';
import type { Trust } from './https-fetch.js';
import { RequestError } from './request-error.js';
import { retryMsDefault, tryAgain } from './retry.js';

/** An Open Inference Protocol client over gRPC for one platform. */
export class GrpcPerennial {
  readonly #client: Client;
  readonly #metadata = new Metadata();

  /** `address` is host:port of the gateway's gRPC door; with `trust` it speaks TLS. */
  constructor({ address, token, trust }: { address: string; token: string; trust?: Trust | undefined }) {
    this.#client = new Client(address, credentialsOf(trust), {
      'grpc.max_receive_message_length': limits.grpcMessageBytesMax,
      'grpc.max_send_message_length': limits.grpcMessageBytesMax,
      // A gateway that restarts is back in a second; the defaults would let it wait for longer and longer.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
    });
    this.#metadata.set('authorization', `Bearer ${token}`);
  }

  /**
   * Asks a system for one prediction. Numbers travel as FP64 `[1,1]`, texts as BYTES `[1,1]`; the platform adds the
   * features that it keeps itself, as of `eventTime`.
   *
   * @throws RequestError with the server's words
   */
  async predict(system: string, row: Record<string, number | string>, eventTime: string): Promise<number> {
    const response = await this.infer(
      create(oip.ModelInferRequestSchema, {
        modelName: system,
        parameters: { event_time: { parameterChoice: { case: 'stringParam', value: eventTime } } },
        inputs: Object.entries(row).map(([name, value]) => tensorOf(name, value)),
      }),
    );
    const raw = response.rawOutputContents[0];
    if (!raw || raw.length < 8)
      throw new RequestError(0, 'ANSWER_EMPTY', 'the server answered without an output');
    return new DataView(raw.buffer, raw.byteOffset, raw.byteLength).getFloat64(0, true);
  }

  /** Asks again for some seconds while the gateway cannot be reached. */
  infer(request: oip.ModelInferRequest, timeoutMs = 30_000): Promise<oip.ModelInferResponse> {
    const deadline = Date.now() + timeoutMs;
    const isPassing = (thrown: unknown) =>
      thrown instanceof RequestError && thrown.code === `GRPC_${status.UNAVAILABLE}`;
    return tryAgain(() => this.#infer(request, deadline), isPassing, Math.min(retryMsDefault, timeoutMs));
  }

  #infer(request: oip.ModelInferRequest, deadline: number): Promise<oip.ModelInferResponse> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        '/inference.GRPCInferenceService/ModelInfer',
        (message: oip.ModelInferRequest) => Buffer.from(toBinary(oip.ModelInferRequestSchema, message)),
        // Fields are views of what is read; views of a Buffer would not copy on slice() as those of a Uint8Array do.
        ({ buffer, byteOffset, length }: Buffer) =>
          fromBinary(oip.ModelInferResponseSchema, new Uint8Array(buffer, byteOffset, length)),
        request,
        this.#metadata,
        { deadline },
        (error: ServiceError | null, response?: oip.ModelInferResponse) => {
          if (error) reject(new RequestError(0, `GRPC_${error.code}`, error.details || error.message));
          else if (response) resolve(response);
        },
      );
    });
  }

  close(): void {
    this.#client.close();
  }
}

function credentialsOf(trust: Trust | undefined): ChannelCredentials {
  if (!trust) return credentials.createInsecure();
  const bytes = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));
  return credentials.createSsl(bytes(trust.ca), bytes(trust.key), bytes(trust.cert));
}

function tensorOf(name: string, value: number | string) {
  return typeof value === 'number'
    ? { name, datatype: 'FP64', shape: [1n, 1n], contents: { fp64Contents: [value] } }
    : {
        name,
        datatype: 'BYTES',
        shape: [1n, 1n],
        contents: { bytesContents: [new TextEncoder().encode(value)] },
      };
}
