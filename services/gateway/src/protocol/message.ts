import { create } from '@bufbuild/protobuf';
import { oip } from '@perennial/contracts';
import { invalid } from '@perennial/kernel';
import { inputsOf, responseOf } from '@perennial/runtime';
import {
  checkNotShared,
  checkOutputNames,
  noParameters,
  type ParameterValue,
  readOutput,
  readParameters,
} from './parameters.js';
import type { InferenceRequest, InferenceResponse } from './request.js';

type ParameterMap = Readonly<Record<string, oip.InferParameter>>;

/**
 * Reads a gRPC request, from raw or typed contents.
 *
 * @throws PlatformError PARAMETER_INVALID and TENSOR_*, with the words that clients look for
 */
export function readMessage(message: oip.ModelInferRequest): InferenceRequest {
  for (const { name, parameters } of message.inputs) {
    for (const key in parameters) checkNotShared(name, key);
  }
  const outputs = message.outputs.map(({ name, parameters }) => readOutput(name, valuesOf(parameters)));
  checkOutputNames(outputs, message.modelName);
  const given = valuesOf(message.parameters);
  return {
    id: message.id,
    parameters: given ? readParameters(given) : noParameters,
    inputs: inputsOf(message),
    outputs,
  };
}

function valuesOf(parameters: ParameterMap): Record<string, ParameterValue> | undefined {
  let values: Record<string, ParameterValue> | undefined;
  for (const name in parameters) {
    const choice = parameters[name]?.parameterChoice;
    if (choice?.case === undefined)
      throw invalid('PARAMETER_INVALID', `parameter '${name}' has no value`, { field: name });
    values ??= {};
    values[name] = choice.value;
  }
  return values;
}

/** The answer; raw contents unless typed ones were asked for and can be. */
export function writeMessage(
  { parameters }: InferenceRequest,
  { id, model, version, predictionId, outputs }: InferenceResponse,
): oip.ModelInferResponse {
  const response = responseOf(
    outputs.map(({ tensor }) => tensor),
    { modelName: model, modelVersion: version, id, typed: parameters.isTyped },
  );
  response.parameters['prediction_id'] = parameter('stringParam', predictionId);
  return response;
}

export function parameter(choice: 'stringParam' | 'boolParam', value: string | boolean): oip.InferParameter {
  return create(oip.InferParameterSchema, {
    parameterChoice: { case: choice, value } as NonNullable<oip.InferParameter['parameterChoice']>,
  });
}
