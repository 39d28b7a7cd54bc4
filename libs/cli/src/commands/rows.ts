import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { invalid } from '@perennial/kernel';
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
} as const;

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
      .command('publish <file>')
      .description(
        `publish a file of ${kind}: CSV, JSON, JSON lines or Parquet; publishing the same file again changes nothing`,
      )
      .requiredOption('--source <name>', 'the source of the system.yaml')
      .option('--producer <name>', 'who sends', 'files')
      .option('--time <column>', 'with --from and --to: the column of event time', 'date')
      .option('--from <time>', 'only what happened at this time or later')
      .option('--to <time>', 'only what happened before this time')
      .action(async (file: string, options: PublishOptions, command: Command) => {
        const answer = await publishFile(kind, file, options);
        print(command, answer, () => publishText(kind, answer));
        if (answer.refused) process.exitCode = 1;
      });
  }
}

async function publishFile(kind: 'rows' | 'labels', file: string, options: PublishOptions) {
  const format = formats[extname(file).toLowerCase() as keyof typeof formats];
  if (!format)
    throw invalid('FORMAT_UNKNOWN', `${file}: send .csv, .json, .jsonl or .parquet`, { field: 'file' });
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
        }),
    );
  } finally {
    await selected.remove();
  }
}

function publishText(
  kind: string,
  answer: { taken?: number; duplicates?: number; refused?: number; first_refusal?: string },
): string {
  const refusal = answer.refused ? `; the first: ${answer.first_refusal}` : '';
  return `${answer.taken ?? 0} ${kind} taken, ${answer.duplicates ?? 0} duplicates, ${answer.refused ?? 0} refused${refusal}`;
}
