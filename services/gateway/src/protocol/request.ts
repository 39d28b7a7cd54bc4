import type { Tensor } from '@perennial/runtime';
import type { RequestParameters } from './parameters.js';

/** An inference request of the Open Inference Protocol, whatever it came over. */
export interface InferenceRequest {
  /** Given back with the answer. */
  readonly id: string;
  readonly parameters: RequestParameters;
  readonly inputs: readonly Tensor[];
  /** Empty: all outputs. */
  readonly outputs: readonly RequestedOutput[];
}

export interface RequestedOutput {
  readonly name: string;
  /** Over HTTP: as bytes behind the JSON; undefined where only the request as a whole says so. */
  readonly isBinary: boolean | undefined;
  /** So many classes, the most likely first, as texts; 0: the tensor itself. */
  readonly classes: number;
}

/** Its answer. */
export interface InferenceResponse {
  readonly id: string;
  readonly model: string;
  readonly version: string;
  readonly predictionId: string;
  readonly outputs: readonly AnsweredOutput[];
}

export interface AnsweredOutput {
  readonly tensor: Tensor;
  readonly isBinary: boolean;
}
