import type { JsonObject } from '@bufbuild/protobuf';
import { asPlatformError, type PlatformError } from '@perennial/kernel';
import type { BatchRow, RowAnswer } from '../decide/batch-lines.js';
import { decodedLabel } from '../decide/decode-label.js';
import type { PredictedRow } from '../predictor.js';
import { requestLimits } from './limits.js';

export interface AnswerOptions {
  /** @throws PlatformError; one that is about a row names it: `rows[3].wind` */
  readonly predict: (rows: JsonObject[]) => Promise<readonly PredictedRow[]>;
  readonly classes: readonly string[];
}

/**
 * An answer for each row, in their order. What is wrong with a row becomes its own answer; everything else is thrown.
 */
export async function batchAnswers(rows: readonly BatchRow[], options: AnswerOptions): Promise<RowAnswer[]> {
  const chunks: BatchRow[][] = [];
  for (let from = 0; from < rows.length; from += requestLimits.chunkRows)
    chunks.push(rows.slice(from, from + requestLimits.chunkRows));
  const answers: RowAnswer[][] = new Array(chunks.length);
  let next = 0;
  const work = async () => {
    for (let at = next++; at < chunks.length; at = next++)
      answers[at] = await answerChunk(chunks[at] as BatchRow[], options);
  };
  await Promise.all(Array.from({ length: requestLimits.chunksInFlightMax }, work));
  return answers.flat();
}

async function answerChunk(rows: readonly BatchRow[], options: AnswerOptions): Promise<RowAnswer[]> {
  const answers = rows.map(({ error }): RowAnswer => (error === undefined ? {} : { error }));
  await answerSome(
    rows.flatMap((row, at) => (row.row ? [{ at, row: row.row }] : [])),
    answers,
    options,
  );
  return answers;
}

interface Open {
  readonly at: number;
  readonly row: JsonObject;
}

async function answerSome(
  open: readonly Open[],
  answers: RowAnswer[],
  options: AnswerOptions,
): Promise<void> {
  if (open.length === 0) return;
  let predicted: readonly PredictedRow[];
  try {
    predicted = await options.predict(open.map(({ row }) => row));
  } catch (thrown) {
    const error = asPlatformError(thrown);
    if (!isAboutRows(error)) throw thrown;
    const named = namedRow(error, open.length);
    if (named === undefined && open.length > 1) {
      const half = open.length >> 1;
      await answerSome(open.slice(0, half), answers, options);
      return answerSome(open.slice(half), answers, options);
    }
    const bad = open[named ?? 0] as Open;
    answers[bad.at] = { error: `${error.code}: ${error.message.replace(/^rows\[\d+\]\.?/, '')}` };
    return answerSome(
      open.filter((one) => one !== bad),
      answers,
      options,
    );
  }
  open.forEach(({ at }, position) => {
    const { predictionId, prediction, version } = predicted[position] as PredictedRow;
    const label = decodedLabel(options.classes, prediction)?.label;
    answers[at] = { predictionId, prediction, label, version };
  });
}

/** Faults of the caller that other rows need not share. */
function isAboutRows({ fault, retry, code, field }: PlatformError): boolean {
  if (fault !== 'caller' || retry !== 'never') return false;
  return (
    (field ?? '').startsWith('rows[') || /^(FEATURE_|EVENT_TIME_|ROW_|INPUT_|MODEL_RUN_FAILED)/.test(code)
  );
}

function namedRow({ field }: PlatformError, count: number): number | undefined {
  const at = Number(/^rows\[(\d+)\]/.exec(field ?? '')?.[1] ?? Number.NaN);
  return at < count ? at : undefined;
}
