import { describe } from 'vitest';
import type { Server } from '../server.js';
import { grpcContentsCases } from './grpc-contents.js';
import { grpcCallCases, grpcMessageCases } from './grpc-messages.js';
import type { GrpcWireOf } from './grpc-shared.js';
import { grpcStreamCases } from './grpc-streams.js';

/** What only gRPC has: raw against typed contents, messages of other writers, streams. */
export function grpcCases(wire: GrpcWireOf, server: () => Server): void {
  describe('raw and typed contents', () => grpcContentsCases(wire));
  describe('messages of other writers', () => grpcMessageCases(wire, server));
  describe('calls', () => grpcCallCases(wire, server));
  describe('a stream of inferences', () => grpcStreamCases(wire, server));
}
