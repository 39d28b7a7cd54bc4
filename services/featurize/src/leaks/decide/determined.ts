/**
 * How much of a label one feature alone decides, 0 to 1, without supposing any form of the relation. A value that is there
 * once decides nothing: an id is no leak.
 */

/**
 * Of a numeric label by a numeric feature: rows are put in the feature's order, and the ranks of neighbours' labels are
 * compared (von Neumann's ratio on ranks; 1 - half the mean squared step over the variance). Rows without a value are
 * left out.
 */
export function rankDetermination(feature: Float64Array, labels: Float64Array): number {
  const there = placesOf(feature);
  if (there.length < 3) return 0;
  const ranks = midranks(there.map((row) => labels[row] as number));
  const order = there
    .map((_, at) => at)
    .sort((a, b) => at(feature, there, a) - at(feature, there, b) || a - b);
  let steps = 0;
  for (let place = 1; place < order.length; place++) {
    const step = (ranks[order[place] as number] as number) - (ranks[order[place - 1] as number] as number);
    steps += step * step;
  }
  const middle = (ranks.length + 1) / 2;
  const spread = ranks.reduce((sum, rank) => sum + (rank - middle) ** 2, 0);
  return spread === 0 ? 0 : Math.max(0, 1 - steps / 2 / spread);
}

/**
 * Of a label of two classes by a numeric feature: the rows that the best single threshold gets wrong, as a share of the
 * smaller class, taken from 1.
 */
export function thresholdDetermination(feature: Float64Array, labels: Float64Array): number {
  const there = placesOf(feature);
  const order = there.sort((a, b) => (feature[a] as number) - (feature[b] as number));
  const positives = order.filter((row) => labels[row] === 1).length;
  const smaller = Math.min(positives, order.length - positives);
  if (smaller === 0) return 0;
  let [below, errorsMin] = [0, smaller];
  for (const [place, row] of order.entries()) {
    if (labels[row] === 1) below += 1;
    const next = order[place + 1];
    if (next !== undefined && feature[next] === feature[row]) continue;
    // All up to here said to be 0 and the rest 1; or the other way round.
    const wrong = below + (order.length - place - 1 - (positives - below));
    errorsMin = Math.min(errorsMin, wrong, order.length - wrong);
  }
  return 1 - errorsMin / smaller;
}

/**
 * Of any label by the values of a feature, missing as one of them: each row is said to be what the other rows with its
 * value are; the error of that against the error of the one best answer for all.
 */
export function groupDetermination(
  values: readonly (string | number | null)[],
  labels: Float64Array,
  task: 'regression' | 'classification',
): number {
  const groups = new Map<string | number | null, { count: number; sum: number }>();
  let all = 0;
  for (const [row, value] of values.entries()) {
    const group = groups.get(value) ?? { count: 0, sum: 0 };
    groups.set(value, group);
    group.count += 1;
    group.sum += labels[row] as number;
    all += labels[row] as number;
  }
  if (groups.size < 2) return 0;
  const n = labels.length;
  const whole = { count: n, sum: all };
  let [wrong, wrongAlone] = [0, 0];
  for (const [row, value] of values.entries()) {
    const label = labels[row] as number;
    const group = groups.get(value) as { count: number; sum: number };
    wrong += errorOf(group.count > 1 ? group : whole, label, task);
    wrongAlone += errorOf(whole, label, task);
  }
  return wrongAlone === 0 ? 0 : Math.max(0, 1 - wrong / wrongAlone);
}

function errorOf(
  { count, sum }: { count: number; sum: number },
  label: number,
  task: 'regression' | 'classification',
): number {
  const others = (sum - label) / (count - 1);
  if (task === 'regression') return (label - others) ** 2;
  return (others >= 0.5 ? 1 : 0) === label ? 0 : 1;
}

function placesOf(feature: Float64Array): number[] {
  const there: number[] = [];
  for (let row = 0; row < feature.length; row++) if (Number.isFinite(feature[row])) there.push(row);
  return there;
}

function at(feature: Float64Array, there: readonly number[], place: number): number {
  return feature[there[place] as number] as number;
}

/** Ranks from 1; equal values share their mean rank. */
export function midranks(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((a, b) => (values[a] as number) - (values[b] as number));
  const ranks = new Array<number>(values.length).fill(0);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end + 1 < order.length && values[order[end + 1] as number] === values[order[start] as number])
      end += 1;
    for (let place = start; place <= end; place++) ranks[order[place] as number] = (start + end) / 2 + 1;
    start = end + 1;
  }
  return ranks;
}
