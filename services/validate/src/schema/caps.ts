import type { NumberSketch } from '../profile/sketches/number-sketch.js';

/** Rows at the outermost value before they are a pile. */
const pileMin = 20;
/** How much higher the pile is than any of its neighbours. */
const pileRatio = 4;
/** Different values without which an end is just the last of few. */
const distinctMin = 30;
/** Neighbours that the outermost value is compared with. */
const neighbours = 5;

export interface Cap {
  readonly at: number;
  readonly side: 'low' | 'high';
  readonly count: number;
  /** Of all values, to four digits. */
  readonly share: number;
}

/**
 * Ends at which values were cut off: the outermost value is there far more often than any of those next to it. Zero is
 * a natural end (rain, counts), and no cap.
 */
export function capsOf(numbers: NumberSketch): Cap[] {
  if (numbers.distinct().count < distinctMin) return [];
  const { low, high } = numbers.extremes();
  const { count: total } = numbers.moments;
  return (
    [
      ['low', low],
      ['high', high],
    ] as const
  ).flatMap(([side, [end, ...others]]) => {
    if (!end || end[0] === 0 || end[1] < pileMin) return [];
    const next = others.slice(0, neighbours).map(([, count]) => count);
    if (end[1] < pileRatio * Math.max(...next, 1)) return [];
    return [{ at: end[0], side, count: end[1], share: Number((end[1] / total).toPrecision(4)) }];
  });
}
