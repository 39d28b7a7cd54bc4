import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import type { PublishAnswer } from '@perennial/client';
import { filesOfGlob, invalid, isGlob } from '@perennial/kernel';
import type { Command } from 'commander';
import { platform, print, unreadable } from '../context.js';
import { withProgress } from '../progress.js';
import { selectSpan } from '../select-span.js';

const formats = {
  '.json': 'json',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.csv': 'csv',
  '.parquet': 'parquet',
  '.arrow': 'arrow',
  '.arrows': 'arrow',
} as const;
const encodings = { '.gz': 'gzip', '.zst': 'zstd' } as const;

interface PublishOptions {
  source: string;
  producer: string;
  from?: string;
  to?: string;
  time?: string;
}

export function rowsCommands(root: Command): void {
  for (const kind of ['rows', 'labels'] as const) {
    root
      .command(kind)
      .description(kind === 'rows' ? 'data events' : 'late truths about rows')
      .command('publish <files...>')
      .description(
        `publish files of ${kind}, by name, folder or pattern such as "days/**/*.csv": CSV, JSON, JSON lines, Parquet or Arrow IPC streams, plain or as .gz or .zst; publishing the same file again changes nothing`,
      )
      .requiredOption('--source <name>', 'the source of the system.yaml')
      .option('--producer <name>', 'who sends', 'files')
      .option('--time <column>', 'with --from and --to: the column of event time', 'date')
      .option('--from <time>', 'only what happened at this time or later')
      .option('--to <time>', 'only what happened before this time')
      .action(async (named: string[], options: PublishOptions, command: Command) => {
        const files = await filesOf(named);
        const [only] = files;
        if (only !== undefined && files.length === 1) {
          const answer = await publishFile(kind, only, options);
          print(command, answer, () => publishText(kind, answer));
          if (answer.refused) process.exitCode = 1;
          return;
        }
        const answer = await publishFiles(kind, files, options);
        print(command, answer, () => filesText(kind, answer));
        if (answer.refused || answer.failed) process.exitCode = 1;
      });
  }
}

/**
 * The files that are meant, each once, in the order in which they are named. A pattern that means none is an error: it is
 * misspelt mostly.
 */
async function filesOf(named: readonly string[]): Promise<string[]> {
  const files = new Set<string>();
  for (const text of named) {
    const found = await filesOfGlob(text).catch((cause: unknown) => {
      throw unreadable(text, cause);
    });
    if (found.length === 0 && isGlob(text))
      throw invalid('FILE_UNREADABLE', `${text}: no file matches`, { field: 'file' });
    // What is not there is said by whoever reads it, in the words of the system.
    if (found.length === 0) files.add(text);
    for (const { path } of found) files.add(path);
  }
  return [...files];
}

interface FilesAnswer {
  files: ({ file: string; error?: string } & Partial<PublishAnswer>)[];
  taken: number;
  duplicates: number;
  refused: number;
  failed: number;
}

/** One after the other, in order; a file that cannot be published does not hold back the others. */
async function publishFiles(
  kind: 'rows' | 'labels',
  files: readonly string[],
  options: PublishOptions,
): Promise<FilesAnswer> {
  const sum: FilesAnswer = { files: [], taken: 0, duplicates: 0, refused: 0, failed: 0 };
  for (const file of files) {
    try {
      const answer = await publishFile(kind, file, options);
      sum.files.push({ file, ...answer });
      sum.taken += answer.taken;
      sum.duplicates += answer.duplicates;
      sum.refused += answer.refused;
    } catch (error) {
      // Nobody answers: the other files would fail in the same way.
      if ((error as { code?: string }).code === 'CONNECTION') throw error;
      sum.failed++;
      sum.files.push({ file, error: (error as Error).message });
    }
  }
  return sum;
}

function filesText(kind: string, { files, failed, ...sum }: FilesAnswer): string {
  const lines = files.map((one) =>
    one.error === undefined ? `${one.file}: ${publishText(kind, one)}` : `${one.file}: failed: ${one.error}`,
  );
  const end = failed ? `; ${failed} files failed, send them again when they are mended` : '';
  return [...lines, `${files.length} files: ${publishText(kind, sum)}${end}`].join('\n');
}

async function publishFile(kind: 'rows' | 'labels', file: string, options: PublishOptions) {
  const encoding = encodings[extname(file).toLowerCase() as keyof typeof encodings];
  const plain = encoding ? file.slice(0, -extname(file).length) : file;
  const format = formats[extname(plain).toLowerCase() as keyof typeof formats];
  if (!format) {
    throw invalid(
      'FORMAT_UNKNOWN',
      `${file}: send .csv, .json, .jsonl, .parquet or .arrow, plain or as .gz or .zst`,
      {
        field: 'file',
      },
    );
  }
  const found = await stat(file).catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  if (!found.isFile()) throw invalid('FILE_UNREADABLE', `${file} is no file`, { field: 'file' });
  const selected = await selectSpan(file, format, options);
  try {
    const { size } = await stat(selected.path);
    const content = createReadStream(selected.path);
    const percent = () => Math.floor((100 * content.bytesRead) / Math.max(1, size));
    return await withProgress(
      () => (content.bytesRead < size ? `${file}: ${percent()} % sent` : `${file}: sent; is made durable`),
      () =>
        platform().publish(options.source, kind, content, {
          producer: options.producer,
          format: selected.format,
          way: 'files',
          ...(encoding && { encoding }),
        }),
    );
  } finally {
    await selected.remove();
  }
}

function publishText(
  kind: string,
  answer: { taken?: number; duplicates?: number; refused?: number; first_refusal?: string; late?: number },
): string {
  const refusal = answer.refused ? `; the first: ${answer.first_refusal}` : '';
  const late = answer.late ? `, ${answer.late} late` : '';
  return `${answer.taken ?? 0} ${kind} taken, ${answer.duplicates ?? 0} duplicates, ${answer.refused ?? 0} refused${late}${refusal}`;
}
