/** The reference of gRPC: grpc-js and protobuf-es and nothing else, with the first values of the input as the answer. */
import { oip } from '@perennial/contracts';
import { type GrpcServerCall, grpc, protobuf } from '../foreign.js';

interface Request {
  readonly modelName: string;
  readonly inputs: readonly { readonly shape: readonly bigint[] }[];
  readonly rawInputContents: readonly Uint8Array[];
}

const { create, fromBinary, toBinary } = protobuf();
const { Server, ServerCredentials } = grpc();

function answerTo(request: Request): unknown {
  const rows = request.inputs[0]?.shape[0] ?? 0n;
  return create(oip.ModelInferResponseSchema, {
    modelName: request.modelName,
    modelVersion: '1',
    id: '0190a0a0-0000-7000-8000-000000000000',
    outputs: [{ name: 'y', datatype: 'FP32', shape: [rows, 1n] }],
    rawOutputContents: [request.rawInputContents[0]?.subarray(0, Number(rows) * 4)],
  });
}

function method(name: string, isStream: boolean, response: unknown) {
  return {
    path: `/inference.GRPCInferenceService/${name}`,
    requestStream: isStream,
    responseStream: isStream,
    requestSerialize: (message: unknown) => Buffer.from(toBinary(oip.ModelInferRequestSchema, message)),
    requestDeserialize: (bytes: Uint8Array) => fromBinary<Request>(oip.ModelInferRequestSchema, bytes),
    responseSerialize: (message: unknown) => Buffer.from(toBinary(response, message)),
    responseDeserialize: (bytes: Uint8Array) => fromBinary(response, bytes),
  };
}

const server = new Server({ 'grpc.max_concurrent_streams': 1_000 });
server.addService(
  {
    ModelInfer: method('ModelInfer', false, oip.ModelInferResponseSchema),
    ModelStreamInfer: method('ModelStreamInfer', true, oip.ModelStreamInferResponseSchema),
  },
  {
    ModelInfer: (call: { request: Request }, done: (error: null, answer: unknown) => void) =>
      done(null, answerTo(call.request)),
    ModelStreamInfer: (call: GrpcServerCall) => {
      call.on('data', (request: Request) => {
        const inferResponse = answerTo(request);
        call.write(create(oip.ModelStreamInferResponseSchema, { inferResponse }));
      });
      call.on('end', () => call.end());
    },
  },
);
process.on('disconnect', () => process.exit());
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send?.({ port });
});
