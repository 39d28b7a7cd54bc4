import { type Sketch, sketchQuantiles } from '../profile/sketch.js';

/** Tails more unequal than this belong to bursts (rain, delays), which have no level to compare with. */
const tailRatioMax = 3;

/** Quantiles at 5, 50 and 95 %. */
export interface Tails {
  readonly low: number;
  readonly middle: number;
  readonly high: number;
}

export function tailsOf(sketch: Sketch): Tails {
  const [low, middle, high] = sketchQuantiles(sketch, [0.05, 0.5, 0.95]) as [number, number, number];
  return { low, middle, high };
}

/** Whether values vary about a level, with tails of like length to both sides, rather than come in bursts. */
export function variesAboutLevel(sketch: Sketch): boolean {
  return tailsAlike(tailsOf(sketch));
}

export function tailsAlike({ low, middle, high }: Tails): boolean {
  const [below, above] = [middle - low, high - middle];
  return below > 0 && above > 0 && Math.max(below, above) <= tailRatioMax * Math.min(below, above);
}
