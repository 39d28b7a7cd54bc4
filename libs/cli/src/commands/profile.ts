import type { ColumnProfile, Profile } from '@perennial/client';
import type { Command } from 'commander';
import { listing, platform, print } from '../context.js';

/** Of the most frequent values so many are shown; `--json` has twenty. */
const topShown = 3;
const valueLengthMax = 24;
/** Bars of a histogram, by height. */
const bars = '▁▂▃▄▅▆▇█';

/** `profile`: what verified rows look like, whatever their number: a merge of what each segment left. */
export function profileCommand(root: Command): void {
  root
    .command('profile <source>')
    .description('what the verified rows of a source look like, column by column')
    .option('--from <time>', 'only segments with rows at this event time or later')
    .option('--to <time>', 'only segments with rows before this event time')
    .option('--labels', 'of the labels')
    .action(
      async (source: string, options: { from?: string; to?: string; labels?: boolean }, command: Command) => {
        const answer = await platform().schemas.profile(source, {
          ...(options.labels && { kind: 'labels' as const }),
          ...(options.from !== undefined && { from: options.from }),
          ...(options.to !== undefined && { to: options.to }),
        });
        print(command, answer, () => profileText(answer));
      },
    );
}

function profileText(profile: Profile): string {
  const { rows, segments, event_time_min, event_time_max, interval_ms, columns } = profile;
  const every = interval_ms > 0 ? `, one every ${interval_ms / 1000} s` : '';
  const head = `${rows} rows in ${segments} segments, ${event_time_min} to ${event_time_max}${every}`;
  const names = ['column', 'type', 'missing', 'distinct', 'min', 'median', 'mean', 'max', 'looks', 'most'];
  return `${head}\n\n${listing(columns.map(columnLine), names, 'no columns')}`;
}

function columnLine(column: ColumnProfile): Record<string, unknown> {
  const { name, type, missing, distinct, distinct_is_exact, numbers, texts } = column;
  const total = Number(column.present) + Number(missing);
  const share = Number(missing) > 0 ? ` (${percent(Number(missing) / total)})` : '';
  return {
    column: name,
    type,
    missing: `${missing}${share}`,
    distinct: distinct_is_exact ? distinct : `~${distinct}`,
    ...(numbers && {
      min: short(numbers.min),
      median: short(numbers.quantiles[3]),
      mean: short(numbers.mean),
      max: short(numbers.max),
      looks: barsOf(numbers.histogram.map(Number)),
    }),
    ...(texts && { looks: `${texts.shortest} to ${texts.longest} characters` }),
    most: column.top
      .slice(0, topShown)
      .map(({ value, count }) => `${shown(value)} ${percent(Number(count) / total)}`)
      .join(', '),
  };
}

function barsOf(counts: readonly number[]): string {
  const most = Math.max(...counts, 1);
  return counts
    .map((count) => (count === 0 ? ' ' : bars[Math.min(7, Math.floor((8 * count) / most))]))
    .join('');
}

function shown(value: string): string {
  const cut = value.length > valueLengthMax ? `${value.slice(0, valueLengthMax - 1)}…` : value;
  return /\s|^$/.test(cut) ? JSON.stringify(cut) : cut;
}

function short(value: number | undefined): string {
  return value === undefined ? '' : String(Number(value.toPrecision(5)));
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`;
}
