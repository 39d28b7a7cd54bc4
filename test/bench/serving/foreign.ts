import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { rootDir } from '@perennial/local';

/**
 * What the bench needs of packages that this one does not depend on: it measures them, and writes models by our
 * writer. Taken from where the platform's own packages have them.
 */

const of = (library: string) => createRequire(path.join(rootDir, 'libs', library, 'package.json'));

export interface GrpcServerCall {
  write(message: unknown): void;
  end(): void;
  on(event: 'data', listener: (message: never) => void): void;
  on(event: 'end', listener: () => void): void;
}

export interface Grpc {
  Server: new (
    options?: object,
  ) => {
    addService(definition: object, handlers: object): void;
    bindAsync(address: string, credentials: unknown, done: (error: Error | null, port: number) => void): void;
  };
  ServerCredentials: { createInsecure(): unknown };
}

export const grpc = (): Grpc => of('service')('@grpc/grpc-js') as Grpc;

export interface Protobuf {
  create<T>(schema: unknown, init: unknown): T;
  toBinary(schema: unknown, message: unknown): Uint8Array;
  fromBinary<T>(schema: unknown, bytes: Uint8Array): T;
}

export const protobuf = (): Protobuf => of('contracts')('@bufbuild/protobuf') as Protobuf;

export interface Ort {
  InferenceSession: {
    create(file: Uint8Array, options: object): Promise<{ run(feeds: object): Promise<object> }>;
  };
  Tensor: new (type: string, data: Float32Array, dims: readonly number[]) => object;
}

export const ort = (): Ort => of('runtime')('onnxruntime-node') as Ort;

export type Onnx = typeof import('../../../libs/onnx/dist/mod.js');

export function onnx(): Promise<Onnx> {
  return import(pathToFileURL(path.join(rootDir, 'libs', 'onnx', 'dist', 'mod.js')).href) as Promise<Onnx>;
}
