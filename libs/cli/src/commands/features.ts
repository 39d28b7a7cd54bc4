import type { FeaturesAnswer, SuspectedLeak, TrainingSet } from '@perennial/client';
import { invalid, parseDuration, parseEventTime } from '@perennial/kernel';
import type { Command } from 'commander';
import { listing, platform, print, text } from '../context.js';
import { withProgress } from '../progress.js';
import { fileFormat, writeBody } from '../write-file.js';

const leakColumns = ['kind', 'features', 'relation', 'evidence'];
const setColumns = ['training_set', 'system', 'status', 'rows', 'held_out', 'leaks', 'requested_at'];

/** `features`, `training-set` and `leaks`. */
export function featureCommands(root: Command): void {
  featuresCommand(root);
  trainingSetCommands(root);
  leaksCommand(root);
}

function featuresCommand(root: Command): void {
  root
    .command('features')
    .description('features of entities, as a model would see them now')
    .command('get <system>')
    .description("values by the key of the system's source, with their age")
    .requiredOption(
      '--key <column=value...>',
      'columns of the key and others that features read; again for more',
    )
    .option('--as-of <time>', 'as of this time; just after the newest data when left out')
    .option('--ttl <duration>', 'give nothing older than this, such as 2h')
    .action(
      async (system: string, options: { key: string[]; asOf?: string; ttl?: string }, command: Command) => {
        const answer = await platform().features.get(system, {
          entities: [Object.fromEntries(options.key.map(pairOf))],
          ...(options.asOf !== undefined && { asOf: timeIn(options.asOf) }),
          ...(options.ttl !== undefined && { ttlMs: parseDuration(options.ttl, 'ttl') }),
        });
        print(command, answer, () =>
          listing(
            answer.entities.flatMap(linesOf),
            ['feature', 'value', 'status', 'event_time'],
            'no features',
          ),
        );
      },
    );
}

/** As the wire has it, of any time that a person may write. */
function timeIn(text: string): string {
  return new Date(parseEventTime(text, '--as-of')).toISOString();
}

/** What reads as a number or as true or false is sent as one; quotes keep a text: "7". */
function pairOf(pair: string): [string, unknown] {
  const at = pair.indexOf('=');
  if (at < 1) throw invalid('KEY_INVALID', `--key: "${pair}" must be column=value`, { field: 'key' });
  const value = pair.slice(at + 1);
  try {
    return [pair.slice(0, at), JSON.parse(value)];
  } catch {
    return [pair.slice(0, at), value];
  }
}

function linesOf({ features, freshness }: FeaturesAnswer['entities'][number]): Record<string, unknown>[] {
  return freshness.map(({ feature, status, event_time }) => ({
    feature,
    value: text(features[feature]),
    status: status.replace('FEATURE_STATUS_', '').toLowerCase(),
    event_time: event_time ?? '',
  }));
}

function trainingSetCommands(root: Command): void {
  const sets = root.command('training-set').description('what models were trained on');
  sets
    .command('list [system]')
    .description('training sets, newest first')
    .option('--all', 'also those that are wanted or were refused')
    .action(async (system: string | undefined, { all }: { all?: boolean }, command: Command) => {
      const asked = { ...(system !== undefined && { system }), ...(all && { all }) };
      const found = await platform().features.trainingSets(asked);
      print(command, { training_sets: found }, () =>
        listing(found.map(setLine), setColumns, 'no training set was made yet'),
      );
    });
  sets
    .command('show <id>')
    .description('one with its manifest: segments, version of the features, rows')
    .option('--reproduce', 'make it again out of its manifest and compare the bytes')
    .action(async (id: string, { reproduce }: { reproduce?: boolean }, command: Command) => {
      const answer = await platform().features.trainingSet(id);
      const again = reproduce ? await platform().features.reproduce(id) : undefined;
      const manifest: unknown = answer.manifest_json === '' ? undefined : JSON.parse(answer.manifest_json);
      print(command, { ...answer, manifest, ...(again && { reproduction: again }) }, () =>
        [
          listing([setLine(answer.dataset)], setColumns, ''),
          ...(answer.dataset.reason === '' ? [] : [answer.dataset.reason]),
          ...(manifest === undefined ? [] : [JSON.stringify(manifest, undefined, 2)]),
          ...(answer.leaks.length === 0 ? [] : [leaksTable(answer.leaks)]),
          ...(again ? [again.is_same ? 'made again: the same bytes' : `made again: ${again.reason}`] : []),
        ].join('\n'),
      );
    });
  sets
    .command('export <id>')
    .description('write its rows to a Parquet file, in the order of time')
    .option('-o, --output <file>', 'the file; by default <id>.parquet')
    .option('--part <part>', 'training, holdout or all', 'all')
    .action(async (id: string, options: { output?: string; part: string }, command: Command) => {
      fileFormat(options, ['parquet']);
      const response = await platform().features.trainingRows(id, partOf(options.part));
      const output = options.output ?? `${id}.parquet`;
      await withProgress(
        () => `${output}: is written`,
        () => writeBody(output, response),
      );
      const rows = Number(response.headers.get('perennial-rows') ?? 0);
      print(
        command,
        { training_set: id, part: options.part, rows, file: output },
        () => `${rows} rows of ${id} are in ${output}`,
      );
    });
}

function partOf(part: string): 'training' | 'holdout' | 'all' {
  if (part === 'training' || part === 'holdout' || part === 'all') return part;
  throw invalid('PART_UNKNOWN', `--part: "${part}" must be training, holdout or all`, { field: 'part' });
}

function setLine(set: TrainingSet): Record<string, unknown> {
  return {
    training_set: set.dataset_id,
    system: `${set.system} v${set.system_version}`,
    status: set.status,
    rows: set.training_rows,
    held_out: set.holdout_rows,
    leaks: set.leaks,
    requested_at: set.requested_at,
  };
}

function leaksCommand(root: Command): void {
  root
    .command('leaks <system>')
    .description('features that seem to give the label away')
    .option('--check', 'look in all labelled rows that there are now')
    .action(async (system: string, { check }: { check?: boolean }, command: Command) => {
      if (check) {
        const found = await platform().features.checkLeaks(system);
        print(command, found, () =>
          found.leaks.length === 0
            ? `nothing gives the label away in ${found.rows} labelled rows`
            : leaksTable(found.leaks),
        );
        return;
      }
      const reports = await platform().features.leaks(system);
      print(command, { reports }, () =>
        reports.length === 0
          ? 'nothing was found when training sets were made; --check looks now'
          : reports
              .map(
                (one) =>
                  `${one.checked_at} training set ${one.dataset_id} of version ${one.system_version}: ${one.answer}\n${leaksTable(one.leaks)}`,
              )
              .join('\n\n'),
      );
    });
}

function leaksTable(leaks: readonly SuspectedLeak[]): string {
  return listing(
    leaks.map((leak) => ({ ...leak, features: leak.features.join(', ') })),
    leakColumns,
    'nothing gives the label away',
  );
}
