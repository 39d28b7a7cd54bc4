/** The reference of gRPC: grpc-js and protobuf-es and nothing else, with the first values of the input as the answer. */
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { oip } from '@perennial/contracts';

function answerTo(request: oip.ModelInferRequest): oip.ModelInferResponse {
  const rows = request.inputs[0]?.shape[0] ?? 0n;
  const [values = new Uint8Array()] = request.rawInputContents;
  return create(oip.ModelInferResponseSchema, {
    modelName: request.modelName,
    modelVersion: '1',
    id: '0190a0a0-0000-7000-8000-000000000000',
    outputs: [{ name: 'y', datatype: 'FP32', shape: [rows, 1n] }],
    rawOutputContents: [values.subarray(0, Number(rows) * 4)],
  });
}

function method<D extends DescMessage>(name: string, isStream: boolean, response: D) {
  const request = oip.ModelInferRequestSchema;
  return {
    path: `/inference.GRPCInferenceService/${name}`,
    requestStream: isStream,
    responseStream: isStream,
    requestSerialize: (message: oip.ModelInferRequest) => Buffer.from(toBinary(request, message)),
    requestDeserialize: (bytes: Uint8Array) => fromBinary(request, bytes),
    responseSerialize: (message: MessageShape<D>) => Buffer.from(toBinary(response, message)),
    responseDeserialize: (bytes: Uint8Array) => fromBinary(response, bytes),
  };
}

const infer: handleUnaryCall<oip.ModelInferRequest, oip.ModelInferResponse> = (call, done) =>
  done(null, answerTo(call.request));

const inferStream: handleBidiStreamingCall<oip.ModelInferRequest, oip.ModelStreamInferResponse> = (call) => {
  call.on('data', (request: oip.ModelInferRequest) => {
    call.write(create(oip.ModelStreamInferResponseSchema, { inferResponse: answerTo(request) }));
  });
  call.on('end', () => call.end());
};

const definition = {
  ModelInfer: method('ModelInfer', false, oip.ModelInferResponseSchema),
  ModelStreamInfer: method('ModelStreamInfer', true, oip.ModelStreamInferResponseSchema),
} as ServiceDefinition;

const server = new Server({ 'grpc.max_concurrent_streams': 1_000 });
server.addService(definition, { ModelInfer: infer, ModelStreamInfer: inferStream });
process.on('disconnect', () => process.exit());
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send?.({ port });
});
