import { describe } from 'vitest';
import type { Server } from '../server.js';
import { httpBytesCases, httpRawCases } from './http-bytes.js';
import { httpCompressionCases, httpLimitCases } from './http-compression.js';
import { httpJsonCases } from './http-json.js';
import { httpPathCases, httpRepositoryCases } from './http-paths.js';
import type { HttpWireOf } from './http-shared.js';

/** What only HTTP has: paths, methods, headers, bodies of text and bytes, compression. */
export function httpCases(wire: HttpWireOf, server: () => Server): void {
  describe('paths and methods', () => httpPathCases(wire, server));
  describe('a body of JSON', () => httpJsonCases(wire));
  describe('bytes behind the JSON', () => httpBytesCases(wire));
  describe('a raw request: nothing but bytes', () => httpRawCases(wire));
  describe('compression', () => httpCompressionCases(wire));
  describe('limits', () => httpLimitCases(wire, server));
  describe('the model repository', () => httpRepositoryCases(wire));
}
