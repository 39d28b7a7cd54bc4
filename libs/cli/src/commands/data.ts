import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { invalid } from '@perennial/kernel';
import type { Command } from 'commander';
import { listing, platform, print, unreadable, whoAsks } from '../context.js';
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

export function dataCommands(root: Command): void {
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
  quarantineCommands(root);
  producersCommands(root);
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

function quarantineCommands(root: Command): void {
  const quarantine = root.command('quarantine').description('rows that were held back');
  quarantine
    .command('list')
    .description('list what is held')
    .option('--source <name>', 'of one source')
    .option('--all', 'also what was repaired', false)
    .action(async (options: { source?: string; all: boolean }, command: Command) => {
      const query = new URLSearchParams({
        include_repaired: String(options.all),
        ...(options.source ? { source: options.source } : {}),
      });
      const answer = await platform().call<{ entries?: Record<string, unknown>[] }>(
        'GET',
        `/v1/quarantine?${query}`,
      );
      print(command, answer, () =>
        listing(
          (answer.entries ?? []).map(entryRow),
          ['quarantine_id', 'source', 'producer', 'rows', 'from', 'status', 'cause'],
          'nothing is held',
        ),
      );
    });
  quarantine
    .command('show <id>')
    .description('show held rows and why they are held')
    .action(async (id: string, _options: unknown, command: Command) => {
      const answer = await platform().call('GET', `/v1/quarantine/${encodeURIComponent(id)}`);
      print(command, answer, () => JSON.stringify(answer, undefined, 2));
    });
  quarantine
    .command('repair [id]')
    .description(
      'apply an expression to a column of held rows, verify them again and let the good ones through',
    )
    .option('--source <name>', 'everything held of a source')
    .option('--producer <name>', 'of one producer only')
    .requiredOption('--column <name>', 'the column to repair')
    .requiredOption('--expression <sql>', 'for example "(temp_min - 32) / 1.8"')
    .action(
      async (
        id: string | undefined,
        options: { source?: string; producer?: string; column: string; expression: string },
        command: Command,
      ) => {
        if (!id && !options.source)
          throw invalid('QUARANTINE_UNNAMED', 'name an entry or a --source', { field: 'source' });
        const json = {
          quarantine_id: id,
          source: options.source,
          producer: options.producer,
          column: options.column,
          expression: options.expression,
          repaired_by: whoAsks(),
        };
        const answer = await withProgress(
          () => 'rows are repaired and verified again',
          () => platform().call<Repaired>('POST', '/v1/quarantine/repair', { json }),
        );
        print(command, answer, () => repairedText(answer));
      },
    );
}

interface Repaired {
  entries?: number;
  rows_repaired?: number;
  rows_still_held?: number;
  findings?: { evidence?: string }[];
}

function repairedText({ entries, rows_repaired, rows_still_held, findings }: Repaired): string {
  if (!rows_repaired && !rows_still_held) return 'nothing is held that this names';
  const evidence = findings?.[0]?.evidence;
  const why = evidence ? `, because: ${evidence}` : '';
  return `rows repaired: ${rows_repaired ?? 0}, in entries: ${entries ?? 0}; still held: ${rows_still_held ?? 0}${why}`;
}

function entryRow(entry: Record<string, unknown>): Record<string, unknown> {
  const findings = (entry['findings'] ?? []) as { suspected_cause?: string; column?: string }[];
  return {
    ...entry,
    from: entry['event_time_min'],
    cause: findings.map((finding) => `${finding.column}: ${finding.suspected_cause}`).join('; '),
  };
}

function producersCommands(root: Command): void {
  const producers = root.command('producers').description('who may publish on the bus');
  producers
    .command('add <producer>')
    .description('make a producer; prints its NATS credentials, which are told once')
    .requiredOption('--source <name>', 'the source it may publish to')
    .action(async (producer: string, options: { source: string }, command: Command) => {
      const answer = await platform().call<{
        nats_credentials?: string;
        nats_url?: string;
        subjects?: string[];
      }>('POST', '/v1/producers', { json: { source: options.source, producer } });
      print(
        command,
        answer,
        () =>
          `# NATS ${answer.nats_url}; may publish to ${(answer.subjects ?? []).join(', ')}\n${answer.nats_credentials ?? ''}`,
      );
    });
  producers
    .command('list')
    .description('list producers and what they sent')
    .option('--source <name>', 'of one source')
    .action(async (options: { source?: string }, command: Command) => {
      const answer = await platform().call<{ producers?: Record<string, unknown>[] }>(
        'GET',
        `/v1/producers${options.source ? `?source=${encodeURIComponent(options.source)}` : ''}`,
      );
      print(command, answer, () =>
        listing(
          answer.producers ?? [],
          ['source', 'producer', 'rows', 'last_event_time', 'last_received_at'],
          'no producers yet',
        ),
      );
    });
}
