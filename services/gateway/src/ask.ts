import type { JsonObject } from '@bufbuild/protobuf';
import type { Cancellation, Tensor } from '@perennial/runtime';
import type { Caller } from './decide/access.js';
import type { Inferred } from './inference.js';

/** What is asked of the predictor, and what it answers; the same whatever a request came over. */

export interface Ask {
  readonly system: string;
  /** For example "http/v1". */
  readonly transport: string;
  /** On performance.now(). */
  readonly deadlineAt: number;
  /** Who asks; absent where the platform asks itself. */
  readonly caller?: Caller | undefined;
  /** A header of the request by its name in lower case, for rules and sticky routes. */
  readonly headers?: ((name: string) => string | undefined) | undefined;
  /** 1 is the most urgent; 0 or absent the default. */
  readonly priority?: number | undefined;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: Cancellation | undefined;
}

export interface RowsAsk extends Ask {
  /** Reads and checks the request's body within the deadline; what it throws is recorded too. */
  rows(): Promise<JsonObject[]>;
}

export interface TensorsAsk extends Ask {
  readonly version: string;
  /** As `rows`; at once where the bytes are there already. */
  body(): TensorsBody | Promise<TensorsBody>;
}

export interface TensorsBody {
  readonly inputs: readonly Tensor[];
  /** Empty: all outputs. */
  readonly outputNames: readonly string[];
  readonly eventTime: string | undefined;
}

export interface PredictedRow {
  readonly predictionId: string;
  readonly prediction: number;
  readonly version: number;
  readonly features: JsonObject;
  readonly provided: readonly string[];
}

export interface PredictedTensors {
  readonly predictionId: string;
  readonly version: number;
  readonly outputs: readonly Tensor[];
  /** Where and how it ran; undefined where an answer was given again out of the cache. */
  readonly routed: Inferred | undefined;
}
