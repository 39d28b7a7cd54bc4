import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonObject } from '@bufbuild/protobuf';
import { invalid, limits } from '@perennial/kernel';
import type { Caller } from '../decide/access.js';
import { decodedLabel } from '../decide/decode-label.js';
import { type PredictOptions, readPredictBody } from '../decide/predict-body.js';
import { unusedColumns } from '../decide/unused-columns.js';
import type { Deployments } from '../deployments.js';
import type { Explained, Explainer } from '../explain/explainer.js';
import type { PredictedRow, Predictor, RowsAsk } from '../predictor.js';
import { sendJson } from './answer.js';
import { deadlineAfter, timeoutHeader } from './deadline.js';
import { Departure } from './departure.js';
import { parseJson, readBody } from './read-body.js';

/** What predictions for people stand on. */
export interface PredictNeeds {
  readonly predictor: Predictor;
  readonly deployments: Deployments;
  readonly explainer: Explainer;
}

/** `POST /v1/systems/<name>/predict`: one row, or `{"rows":[…]}` and options; systems and imported models alike. */
export async function predict(
  needs: PredictNeeds,
  system: string,
  request: IncomingMessage,
  response: ServerResponse,
  caller: Caller,
): Promise<void> {
  if (request.url?.includes('?')) {
    throw invalid(
      'QUERY_INVALID',
      'options of a prediction stand in its body, beside "rows", not in the query',
      {
        field: 'query',
      },
    );
  }
  const deadlineAt = deadlineOf(request);
  const answer = await answerTo(needs, {
    system,
    transport: 'http/v1',
    deadlineAt,
    caller,
    headers: (name) => textOf(request.headers[name]),
    signal: new Departure(response),
    body: async () =>
      parseJson((await readBody(request, limits.httpBodyBytesMax, deadlineAt)).toString('utf8')),
  });
  sendJson(response, JSON.stringify(answer));
}

export interface Predictions {
  readonly predictions: readonly object[];
  /** Columns that nothing read, where there are some. */
  readonly unused?: readonly string[];
}

export interface PredictAsk extends Omit<RowsAsk, 'rows'> {
  /** The parsed body; what it throws is recorded like everything else. */
  readonly body: () => Promise<unknown>;
}

/**
 * The answer to a predict body, whatever it came over.
 *
 * @throws PlatformError as Predictor.predictRows and Explainer.explain, PREDICT_OPTION_INVALID
 */
export async function answerTo(needs: PredictNeeds, ask: PredictAsk): Promise<Predictions> {
  let options: PredictOptions | undefined;
  let rows: readonly JsonObject[] = [];
  const predicted = await needs.predictor.predictRows({
    ...ask,
    rows: async () => {
      const body = readPredictBody(await ask.body());
      options = body.options;
      rows = body.rows;
      return body.rows;
    },
  });
  const { explain = false, features = true, decode = true } = options ?? {};
  const explained =
    explain === false
      ? []
      : await needs.explainer.explain({
          ...ask,
          rows: predicted,
          explain,
          share: ask.caller?.name ?? '',
          signal: ask.signal,
        });
  const deployment = needs.deployments.current(ask.system)?.deployment;
  const classes = decode ? (deployment?.serve?.classes ?? []) : [];
  const unused = deployment ? unusedColumns(deployment, rows) : [];
  return {
    predictions: predicted.map((row, at) => shown(row, { features, classes, explained: explained[at] })),
    ...(unused.length > 0 && { unused }),
  };
}

interface Showing {
  readonly features: boolean;
  readonly classes: readonly string[];
  readonly explained: Explained | undefined;
}

function shown(row: PredictedRow, { features, classes, explained }: Showing): object {
  const { predictionId, prediction, version } = row;
  return {
    prediction_id: predictionId,
    prediction,
    ...(classes.length > 0 && decodedLabel(classes, prediction)),
    model_version: version,
    ...(features && { features: row.features, provided: row.provided }),
    ...(explained && { explanation: explained }),
  };
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

/** @throws PlatformError TIMEOUT_INVALID */
export function deadlineOf({ headers }: IncomingMessage): number {
  return deadlineAfter(headers[timeoutHeader]?.toString());
}
