import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type PredictAnswer, RequestError, type Submission } from '@perennial/client';
import { invalid } from '@perennial/kernel';
import type { Command } from 'commander';
import { platform, print, text, unreadable } from '../context.js';
import { withProgress } from '../progress.js';

const formats = { '.csv': 'csv', '.jsonl': 'jsonl', '.ndjson': 'jsonl' } as const;

interface PredictCommandOptions {
  explain: boolean;
  file?: string;
  out?: string;
  errorsMax?: string;
}

export function predictCommand(root: Command): void {
  root
    .command('predict <system> [row]')
    .description(
      `ask for a prediction, for example: predict seattle-temperature '{"date":"2014-01-01","temp_min":3.3,"wind":2,"precipitation":0}'; or for a file of rows: predict seattle-temperature --file rows.csv --out predictions.csv`,
    )
    .option('--explain', 'say by how much each feature moved the prediction', false)
    .option('--file <path>', 'rows as .csv or .jsonl, worked off by the platform')
    .option('--out <path>', 'with --file: where to put the rows with their predictions')
    .option('--errors-max <count>', 'with --file: how many rows may fail')
    .action(
      async (system: string, row: string | undefined, options: PredictCommandOptions, command: Command) => {
        if (options.file !== undefined) return predictFile(system, options.file, options, command);
        if (row === undefined)
          throw invalid('ROW_MALFORMED', 'name a row, or a file of them with --file', { field: 'row' });
        const answer = await platform().predict(system, [parseRow(row)], { explain: options.explain });
        print(command, answer, () =>
          [...answer.predictions.map(predictionText), ...unusedText(answer)].join('\n'),
        );
      },
    );
}

/** The file goes up, is worked off whether we wait or not, and comes back whole or not at all. */
async function predictFile(
  system: string,
  file: string,
  { out, errorsMax }: PredictCommandOptions,
  command: Command,
): Promise<void> {
  const format = formats[extname(file).toLowerCase() as keyof typeof formats];
  if (!format) throw invalid('FORMAT_UNKNOWN', `${file}: send .csv or .jsonl`, { field: 'file' });
  if (!out) throw invalid('OUT_UNNAMED', 'say with --out where the predictions shall go', { field: 'out' });
  const { size } = await stat(file).catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  const { later } = platform();
  let now: Submission | undefined;
  const content = createReadStream(file);
  const ended = await withProgress(
    () =>
      now ? rowsText(now) : `${file}: ${Math.floor((100 * content.bytesRead) / Math.max(1, size))} % sent`,
    async () => {
      now = await later.batch(system, content, {
        format,
        ...(errorsMax !== undefined && { errorsMax: Number(errorsMax) }),
      });
      return later.untilEnded(now, (looked) => {
        now = looked;
      });
    },
  );
  if (ended.state !== 'completed') throw failure(ended);
  await keepResult(await later.result(ended.id), out);
  print(command, ended, () => `${rowsText(ended)}; they are in ${out}`);
  if (ended.rows.failed > 0) process.exitCode = 1;
}

/** Written beside its place and renamed, so that a file of that name is always a whole one. */
async function keepResult(result: ReadableStream<Uint8Array>, out: string): Promise<void> {
  const partial = `${out}.partial`;
  try {
    await pipeline(result, createWriteStream(partial));
    await rename(partial, out);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

function rowsText({ id, rows }: Submission): string {
  const failed = rows.failed > 0 ? `, ${rows.failed} with an error` : '';
  return `batch ${id}: ${rows.done} of ${rows.total} rows${failed}`;
}

function failure({ id, state, error }: Submission): RequestError {
  const why = error ? `: ${error.detail}` : '';
  return new RequestError(0, error?.code ?? 'BATCH_CANCELLED', `batch ${id} is ${state}${why}`);
}

/** A feature that is missing is worth a word: its column may be misspelt. */
/** A misspelt column would be a missing feature without a word. */
function unusedText({ unused = [] }: PredictAnswer): string[] {
  return unused.length === 0 ? [] : [`nothing reads ${unused.join(', ')}: is a name misspelt?`];
}

function predictionText(answer: PredictAnswer['predictions'][number]): string {
  const { prediction, label, model_version, prediction_id, features = {}, explanation } = answer;
  const missing = Object.keys(features).filter((name) => features[name] === null);
  const without = missing.length === 0 ? '' : `; missing: ${missing.join(', ')}`;
  const named = label === undefined ? '' : ` ${label}`;
  const line = `${prediction}${named}  (version ${model_version}, prediction ${prediction_id}${without})`;
  return explanation ? `${line}\n${explanationText(explanation)}` : line;
}

/** What moved it most comes first. */
function explanationText({
  base,
  contributions,
}: NonNullable<PredictAnswer['predictions'][number]['explanation']>): string {
  const moved = Object.entries(contributions).sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  const lines = moved.map(([name, by]) => `  ${by < 0 ? '-' : '+'} ${Math.abs(by).toPrecision(4)}  ${name}`);
  return [`    ${base.toPrecision(4)}  the usual row`, ...lines].join('\n');
}

function parseRow(row: string): Record<string, never> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(row);
  } catch (cause) {
    throw invalid('ROW_MALFORMED', `the row is no JSON: ${text((cause as Error).message)}`, {
      cause,
      field: 'row',
    });
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
    return parsed as Record<string, never>;
  throw invalid('ROW_MALFORMED', 'the row must be a JSON object of columns', { field: 'row' });
}
