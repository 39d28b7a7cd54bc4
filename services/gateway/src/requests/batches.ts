import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Submission, SubmissionKind, SubmissionState } from '@perennial/contracts';
import { type Digest, invalid } from '@perennial/kernel';
import { type Answered, type ControlRequest, numberOf, type StreamRoute } from '../control/route.js';
import { receiveFile } from '../effects/receive-file.js';
import { send } from '../http/answer.js';
import { gatewayLimits } from '../limits.js';
import { type BatchFormat, batchFormats, countRows } from './batch-file.js';
import { requestLimits } from './limits.js';
import type { RequestNeeds } from './needs.js';
import { checkSystem, noQuery, submissionOf, submit } from './routes.js';
import { stateOf } from './shown.js';
import { Uploads } from './uploads.js';

const formatOfType: Readonly<Record<string, BatchFormat>> = {
  'text/csv': 'csv',
  'application/jsonl': 'jsonl',
  'application/x-ndjson': 'jsonl',
};
const typeOfFormat: Readonly<Record<BatchFormat, string>> = { csv: 'text/csv', jsonl: 'application/jsonl' };

/** Files of rows in, files of predictions out. */
export function batchRoutes(needs: RequestNeeds): StreamRoute[] {
  const uploads = new Uploads();
  return [
    {
      method: 'POST',
      path: '/v1/systems/:system/batches',
      needs: 'predict',
      serve: async (context, request, response) => {
        const create = () => createBatch(needs, context, request);
        const { status, body, headers } = await uploads.through(context.caller.name, create);
        send(response, status, JSON.stringify(body), { 'content-type': 'application/json', ...headers });
      },
    },
    {
      method: 'GET',
      path: '/v1/batches/:id/result',
      needs: 'predict',
      checksScope: true,
      serve: async (context, _request, response) => {
        noQuery(context.query, []);
        const submission = await submissionOf(needs, context, SubmissionKind.BATCH);
        await sendResult(needs, submission, response);
      },
    },
  ];
}

/** The body goes to disk, is gone through once, and into the artifact store; nothing of it is held in memory. */
async function createBatch(
  needs: RequestNeeds,
  context: Omit<ControlRequest, 'text'>,
  request: IncomingMessage,
): Promise<Answered> {
  const { query, params } = context;
  const system = params['system'] ?? '';
  noQuery(query, ['format', 'errors-max', 'callback']);
  const format = formatOf(query['format'], request.headers['content-type']);
  const rowsFailedMax = numberOf(query, 'errors-max', {
    fallback: requestLimits.rowsFailedMaxDefault,
    max: requestLimits.batchRowsMax,
  });
  checkSystem(needs, system);
  const file = join(await needs.workDir(), randomUUID());
  try {
    const { batchBytesMax: bytesMax } = requestLimits;
    await receiveFile(request, file, { bytesMax, timeoutMs: gatewayLimits.uploadTimeoutMs });
    const rowsTotal = await countRows(file, format);
    const { digest } = await (await needs.artifacts()).putFile(file);
    const callback =
      query['callback'] === undefined ? undefined : { url: query['callback'], secret: undefined };
    const submitted = {
      kind: SubmissionKind.BATCH,
      system,
      bodyDigest: digest,
      format,
      rowsTotal,
      rowsFailedMax,
    };
    return await submit(needs, context, callback, submitted);
  } finally {
    await rm(file, { force: true });
  }
}

/** @throws PlatformError FORMAT_UNKNOWN */
function formatOf(asked: string | undefined, contentType: string | undefined): BatchFormat {
  const type = contentType?.split(';')[0]?.trim().toLowerCase() ?? '';
  const format = asked ?? formatOfType[type];
  const known = batchFormats.find((one) => one === format);
  if (known) return known;
  throw invalid(
    'FORMAT_UNKNOWN',
    `say what the file is: ?format= with one of ${batchFormats.join(', ')}, or a content-type of ${Object.keys(formatOfType).join(', ')}`,
    { field: 'format' },
  );
}

/** The parts one after the other, each read as the client takes it. @throws PlatformError SUBMISSION_STATE_CONFLICT */
async function sendResult(
  { submissions, artifacts }: RequestNeeds,
  submission: Submission,
  response: ServerResponse,
): Promise<void> {
  const { submissionId, state, format, system } = submission;
  if (state !== SubmissionState.COMPLETED) {
    throw invalid(
      'SUBMISSION_STATE_CONFLICT',
      `this batch is ${stateOf(submission)} with ${submission.rowsDone} of ${submission.rowsTotal} rows done; its result is there once it is completed: GET /v1/batches/${submissionId} says why and how far`,
      { field: 'id' },
    );
  }
  const { digests } = await submissions.listSubmissionParts({ submissionId });
  const store = await artifacts();
  // A part that is missing is said before anything is sent.
  await Promise.all(digests.slice(0, 1).map((digest) => store.localFile(digest as Digest)));
  response.writeHead(200, {
    'content-type': `${typeOfFormat[format as BatchFormat]}; charset=utf-8`,
    'content-disposition': `attachment; filename="${system}-${submissionId}.${format}"`,
  });
  await pipeline(async function* () {
    for (const digest of digests) yield* createReadStream(await store.localFile(digest as Digest));
  }, response);
}
