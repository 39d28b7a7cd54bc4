import type { IncomingMessage, ServerResponse } from 'node:http';
import { invalid, limits } from '@perennial/kernel';
import { rowsOfBody } from '../decide/shape-rows.js';
import { gatewayLimits } from '../limits.js';
import type { PredictedRow, Predictor } from '../predictor.js';
import { sendJson } from './answer.js';
import { parseJson, readBody } from './read-body.js';

export const timeoutHeader = 'perennial-timeout-ms';

/** `POST /v1/systems/<name>/predict`: one row, or `{"rows":[…]}`. */
export async function predict(
  predictor: Predictor,
  system: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const deadlineAt = deadlineOf(request);
  const predicted = await predictor.predictRows({
    system,
    transport: 'http/v1',
    deadlineAt,
    rows: async () =>
      rowsOfBody(parseJson((await readBody(request, limits.httpBodyBytesMax, deadlineAt)).toString('utf8'))),
  });
  sendJson(response, JSON.stringify({ predictions: predicted.map(shown) }));
}

function shown({ predictionId, prediction, version, features, provided }: PredictedRow) {
  return { prediction_id: predictionId, prediction, model_version: version, features, provided };
}

/**
 * When the answer must be there, on performance.now(); a client may ask for another time than ours.
 *
 * @throws PlatformError TIMEOUT_INVALID
 */
export function deadlineOf(request: IncomingMessage): number {
  const asked = request.headers[timeoutHeader];
  if (asked === undefined) return performance.now() + gatewayLimits.predictTimeoutMs;
  const timeoutMs = Number(asked);
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1) {
    throw invalid('TIMEOUT_INVALID', `${timeoutHeader} must be whole milliseconds of 1 or more`, {
      field: timeoutHeader,
    });
  }
  return performance.now() + Math.min(timeoutMs, gatewayLimits.predictTimeoutMsMax);
}
