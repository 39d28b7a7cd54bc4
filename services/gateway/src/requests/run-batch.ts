import type { Digest } from '@perennial/kernel';
import { invalid, PlatformError } from '@perennial/kernel';
import {
  type BatchRow,
  csvHeader,
  csvResultLine,
  jsonResultLine,
  type RowAnswer,
} from '../decide/batch-lines.js';
import { batchAnswers } from './batch-answers.js';
import { type BatchFormat, type BatchHead, readBatch } from './batch-file.js';
import type { Held } from './held.js';
import { requestLimits } from './limits.js';
import { persist } from './persist.js';
import type { End, WorkNeeds } from './work-needs.js';

/**
 * Works a batch off, part by part. A finished part is an artifact that the registry knows; whoever takes the batch up
 * after a kill begins with the one after.
 *
 * @throws PlatformError BATCH_ROWS_FAILED, or what is in the way
 */
export async function runBatch(needs: WorkNeeds, held: Held): Promise<End> {
  const { submission } = held;
  const format = submission.format as BatchFormat;
  const artifacts = await needs.artifacts();
  const file = await artifacts.localFile(submission.bodyDigest as Digest);
  const { deployment } = await needs.predicting.deployments.find(
    submission.system,
    performance.now() + requestLimits.predictTimeoutMs,
  );
  const texts = new Set(
    deployment.inputs.filter(({ datatype }) => datatype === 'BYTES').map(({ name }) => name),
  );
  let head: BatchHead = { columns: [], separator: ',' };
  let [ordinal, rowsDone, rowsFailed] = [0, 0, submission.rowsFailed];
  const rows = readBatch(file, format, texts, (found) => {
    head = found;
  });
  for await (const part of partsOf(rows)) {
    rowsDone += part.length;
    if (ordinal >= submission.partsDone) {
      const answers = await answerPart(needs, held, part, deployment.serve?.classes ?? []);
      rowsFailed += answers.filter(({ error }) => error !== undefined).length;
      if (rowsFailed > submission.rowsFailedMax) throw tooManyFailed(submission.rowsFailedMax, part, answers);
      const { digest } = await artifacts.put(Buffer.from(textOf(format, head, ordinal, part, answers)));
      await recordPart(needs, held, { ordinal, digest, rowsDone, rowsFailed });
    }
    ordinal += 1;
  }
  return { resultDigest: '', rowsDone, rowsFailed };
}

async function* partsOf(rows: AsyncIterable<BatchRow>): AsyncGenerator<BatchRow[]> {
  let part: BatchRow[] = [];
  for await (const row of rows) {
    part.push(row);
    if (part.length < requestLimits.partRows) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

function answerPart(
  { predicting, callerOf }: WorkNeeds,
  { submission, signal }: Held,
  part: readonly BatchRow[],
  classes: readonly string[],
): Promise<RowAnswer[]> {
  return batchAnswers(part, {
    classes,
    predict: (rows) => {
      signal.throwIfAborted();
      return predicting.predictor.predictRows({
        system: submission.system,
        transport: 'batch/v1',
        deadlineAt: performance.now() + requestLimits.predictTimeoutMs,
        caller: callerOf(submission.caller),
        priority: requestLimits.batchPriority,
        signal,
        rows: async () => rows,
      });
    },
  });
}

function textOf(
  format: BatchFormat,
  { columns, separator }: BatchHead,
  ordinal: number,
  part: readonly BatchRow[],
  answers: readonly RowAnswer[],
): string {
  if (format === 'jsonl')
    return part.map((row, at) => jsonResultLine(row, answers[at] as RowAnswer)).join('');
  const form = { columns: columns.length, separator };
  const lines = part.map((row, at) => csvResultLine(row, answers[at] as RowAnswer, form));
  return (ordinal === 0 ? csvHeader(columns, separator) : '') + lines.join('');
}

async function recordPart(
  { submissions }: WorkNeeds,
  { submission, epoch, signal }: Held,
  part: { ordinal: number; digest: string; rowsDone: number; rowsFailed: number },
): Promise<void> {
  const { submissionId } = submission;
  const { leaseMs } = requestLimits;
  const { held } = await persist(signal, () =>
    submissions.recordSubmissionPart({ submissionId, epoch, leaseMs, ...part }),
  );
  if (held) return;
  throw new PlatformError(
    'SUBMISSION_LOST',
    'dependency',
    'now',
    'this batch was cancelled or went to another one',
  );
}

function tooManyFailed(max: number, part: readonly BatchRow[], answers: readonly RowAnswer[]) {
  const at = answers.findIndex(({ error }) => error !== undefined);
  const { line } = part[at] as BatchRow;
  return invalid(
    'BATCH_ROWS_FAILED',
    `more than ${max} rows failed, one of them on line ${line} with ${answers[at]?.error}; mend the file, or allow more with ?errors-max=`,
    { field: 'body' },
  );
}
