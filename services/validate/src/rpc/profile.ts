import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type GetProfileRequest, GetProfileResponseSchema } from '@perennial/contracts';
import { invalid, notFound } from '@perennial/kernel';
import { profileBetween } from '../profile/profile-store.js';
import { type ColumnSketches, presentOf, type SetProfile } from '../profile/set-profile.js';
import type { NumberSketch } from '../profile/sketches/number-sketch.js';
import type { TextSketch } from '../profile/sketches/text-sketch.js';
import type { Origin } from '../store.js';
import type { RpcContext } from './context.js';

const topMax = 20;
const bins = 20;
const shares = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/** What verified rows look like, of all time or of some: a merge of the profiles of their segments. */
export async function getProfile({ db }: RpcContext, origin: Origin, request: GetProfileRequest) {
  const from = request.from && timestampMs(request.from);
  const to = request.to && timestampMs(request.to);
  if (from !== undefined && to !== undefined && from >= to) {
    throw invalid('PROFILE_SPAN', 'from: it must lie before to', { field: 'from' });
  }
  const { profile, segments, eventTimeMin, eventTimeMax } = await profileBetween(db, origin, { from, to });
  if (profile.rows === 0) {
    throw notFound(
      'PROFILE_NOT_FOUND',
      `source: no verified ${origin.kind} of "${origin.source}" lie there; leave from and to away for all`,
      { field: 'source' },
    );
  }
  return create(GetProfileResponseSchema, {
    rows: BigInt(profile.rows),
    segments,
    eventTimeMin: timestampFromMs(eventTimeMin),
    eventTimeMax: timestampFromMs(eventTimeMax),
    columns: [...profile.columns].map(([name, column]) => columnMessage(name, column)),
    intervalMs: intervalOf(profile),
  });
}

/** The step that nine of ten rows take. */
function intervalOf({ times: { steps } }: SetProfile): number {
  const [usual] = steps.top(1).values;
  return usual && usual.count >= 0.9 * steps.moments.count ? usual.value : 0;
}

function columnMessage(name: string, column: ColumnSketches) {
  const { numbers, texts, booleans, missing } = column;
  const kinds = [numbers && 'number', texts && 'text', booleans && 'boolean'].filter(Boolean);
  const shown = numbers ?? texts;
  const top = shown?.top(topMax);
  const flags = booleans && flagsOf(booleans);
  const distinct = shown?.distinct() ?? { count: flags?.length ?? 0, isExact: true };
  const values = top?.values.map(({ value, count }) => ({ value: String(value), count: BigInt(count) }));
  return {
    name,
    type: kinds.length > 1 ? 'mixed' : String(kinds[0] ?? ''),
    present: BigInt(presentOf(column)),
    missing: BigInt(missing),
    distinct: BigInt(distinct.count),
    distinctIsExact: distinct.isExact,
    top: values ?? flags ?? [],
    topError: BigInt(top?.error ?? 0),
    ...(numbers && { numbers: numberMessage(numbers) }),
    ...(texts && { texts: textMessage(texts) }),
  };
}

function flagsOf({ yes, no }: { yes: number; no: number }) {
  return [
    { value: 'true', count: BigInt(yes) },
    { value: 'false', count: BigInt(no) },
  ].filter(({ count }) => count > 0n);
}

function numberMessage(numbers: NumberSketch) {
  const { count, min, max, mean, squares } = numbers.moments;
  const { nan, infinite } = numbers;
  if (count === 0) return { nan: BigInt(nan), infinite: BigInt(infinite) };
  const edges = Array.from({ length: bins + 1 }, (_, i) =>
    i === bins ? max : min + ((max - min) * i) / bins,
  );
  return {
    ...{ min, max, mean },
    deviation: count > 1 ? Math.sqrt(squares / (count - 1)) : 0,
    quantiles: numbers.quantiles(shares),
    histogram: min === max ? [BigInt(count)] : numbers.histogram(edges).map((n) => BigInt(Math.max(0, n))),
    nan: BigInt(nan),
    infinite: BigInt(infinite),
  };
}

function textMessage(texts: TextSketch) {
  const { shortest, longest, mean } = texts.lengths();
  return { shortest, longest, meanLength: mean };
}
