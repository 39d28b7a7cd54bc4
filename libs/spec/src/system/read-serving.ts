import { canonicalJson, invalid } from '@perennial/kernel';
import { SpecFile } from './problems.js';
import { Reader } from './reader.js';
import { captureLevels, places, type Serving, servingSchema } from './serving.js';
import { pools } from './system.js';

export const servingFields = [
  'place',
  'capture',
  'cache',
  'sticky-by',
  'hedge',
  'deadline',
  'row-by-row',
  'preferred-batch',
  'classes',
  'bandit',
  'pinned',
  'queue-rows-max',
] as const;

/** A day: an answer that may be older than that is a table, and no prediction. */
const cacheSecondsMax = 86_400;
/** At some hundred bytes each, tens of MiB. */
const cacheEntriesMax = 100_000;
const cacheEntriesDefault = 1_000;
/** The gateway gives no request more than a minute. */
const deadlineMsMax = 60_000;
const batchRowsMax = 4_096;
const preferredBatchesMax = 8;
const classesMax = 10_000;
const queueRowsMaxMax = 1_000_000;
/** Two variants that each keep half leave nothing to be learned. */
const floorMax = 0.5;
const floorDefault = 0.05;

type Fields = Record<(typeof servingFields)[number], Reader>;

/** The serving settings among the fields of a `serve` block. */
export function readServing(fields: Fields): Serving {
  const place = fields.place.choice(places, 'auto');
  const capture = readCapture(fields.capture);
  const cache = readCache(fields.cache);
  const stickyBy = optional(fields['sticky-by'], (at) => at.column('a header or a column'));
  const deadlineMs = optional(fields.deadline, readDeadline);
  const preferredBatch = readPreferredBatch(fields['preferred-batch']);
  const classes = readClasses(fields.classes);
  const bandit = readBandit(fields.bandit);
  const queueRowsMax = optional(fields['queue-rows-max'], (at) => whole(at, queueRowsMaxMax, 'row'));
  return {
    ...(place && place !== 'auto' && { place }),
    ...(capture && { capture }),
    ...(cache && { cache }),
    ...(stickyBy !== undefined && { stickyBy }),
    ...(fields.hedge.flag() && { hedge: true }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(fields['row-by-row'].flag() && { rowByRow: true }),
    ...(preferredBatch && { preferredBatch }),
    ...(classes && { classes }),
    ...(bandit && { bandit }),
    ...(fields.pinned.flag() && { pinned: true }),
    ...(queueRowsMax !== undefined && { queueRowsMax }),
  };
}

/** How a model that was brought by itself is served. */
export interface ModelServing {
  readonly pool: (typeof pools)[number];
  readonly serving: Serving;
}

/**
 * Reads the settings of an imported model: a JSON object with the names of a system.yaml's serve block.
 *
 * @throws PlatformError SPEC_INVALID with every problem, each with its field and the fix
 */
export function parseModelServing(json: string): ModelServing {
  const file = new SpecFile(json);
  const fields = new Reader(file, file.value, []).fields(['pool', ...servingFields]);
  if (!fields) return file.refuse() as never;
  const pool = fields.pool.choice(pools, 'cpu');
  const serving = readServing(fields);
  if (serving.bandit) {
    fields.bandit.report('the rewards are labels, which an imported model has none of; say it of a system');
  }
  file.refuse();
  return { pool: pool ?? 'cpu', serving: servingSchema.parse(serving) };
}

export function canonicalServing(serving: Serving): string {
  return canonicalJson(serving);
}

/** @throws PlatformError SPEC_JSON_INVALID where the text is not what `canonicalServing` gives */
export function servingFromJson(json: string): Serving {
  const read = servingSchema.safeParse(JSON.parse(json));
  if (read.success) return read.data;
  throw invalid('SPEC_JSON_INVALID', `serve: ${read.error.issues[0]?.message}`, { field: 'serve' });
}

function optional<T>(at: Reader, read: (at: Reader) => T | undefined): T | undefined {
  return at.isAbsent ? undefined : read(at);
}

function whole(at: Reader, max: number, unit: string): number | undefined {
  const value = at.counted(unit, { min: 1 });
  return value !== undefined && value > max ? at.report(`at most ${max} are allowed`) : value;
}

function readCapture(at: Reader): Serving['capture'] {
  if (at.isAbsent) return undefined;
  const fields = at.fields(['level', 'share']);
  const level = fields?.level.choice(captureLevels, 'full');
  const share = fields?.share.share({ byDefault: 1 });
  if (share === 0) return fields?.share.report('nothing is captured then; write level: none');
  const isAll = level === 'full' && share === 1;
  if (!level || share === undefined || isAll) return undefined;
  return { ...(level !== 'full' && { level }), ...(share < 1 && { share }) };
}

function readCache(at: Reader): Serving['cache'] {
  if (at.isAbsent) return undefined;
  const fields = at.fields(['seconds', 'entries']);
  if (!fields) return undefined;
  const seconds = whole(fields.seconds, cacheSecondsMax, 'second');
  const entries = fields.entries.isAbsent
    ? cacheEntriesDefault
    : whole(fields.entries, cacheEntriesMax, 'answer');
  return seconds === undefined || entries === undefined ? undefined : { seconds, entries };
}

function readDeadline(at: Reader): number | undefined {
  const ms = at.durationMs();
  if (ms === undefined || (ms >= 1 && ms <= deadlineMsMax)) return ms;
  return at.report(`a deadline lies between 1ms and ${deadlineMsMax / 1000}s`);
}

function readPreferredBatch(at: Reader): number[] | undefined {
  if (at.isAbsent) return undefined;
  const sizes = at.items().flatMap((item) => whole(item, batchRowsMax, 'row') ?? []);
  if (sizes.length > preferredBatchesMax) return at.report(`at most ${preferredBatchesMax} are allowed`);
  if (sizes.some((size, index) => size <= (sizes[index - 1] ?? 0))) {
    return at.report('the sizes grow from one to the next');
  }
  return sizes.length > 0 ? sizes : undefined;
}

function readClasses(at: Reader): string[] | undefined {
  if (at.isAbsent) return undefined;
  const texts = at.items().flatMap((item) => item.text() ?? []);
  if (texts.length > classesMax) return at.report(`at most ${classesMax} are allowed`);
  if (new Set(texts).size < texts.length) return at.report('a class is there twice');
  return texts.length > 0 ? texts : undefined;
}

function readBandit(at: Reader): Serving['bandit'] {
  if (at.isAbsent) return undefined;
  const fields = at.fields(['reward', 'minimize', 'floor']);
  const reward = fields?.reward.column('a column of the labels');
  const minimize = fields?.minimize.flag() ?? false;
  const floor = fields?.floor.share({ max: floorMax, byDefault: floorDefault });
  if (floor === 0) return fields?.floor.report('what is never tried is never learned; write for example 5%');
  return reward === undefined || floor === undefined ? undefined : { reward, minimize, floor };
}
