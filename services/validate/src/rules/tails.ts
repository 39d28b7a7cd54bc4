import { type Sketch, sketchQuantiles } from '../profile/sketch.js';

/** Tails more unequal than this belong to bursts (rain, delays), which have no level to compare with. */
const tailRatioMax = 3;

/** Whether values vary about a level, with tails of like length to both sides, rather than come in bursts. */
export function variesAboutLevel(sketch: Sketch): boolean {
  const [low, middle, high] = sketchQuantiles(sketch, [0.05, 0.5, 0.95]) as [number, number, number];
  const [below, above] = [middle - low, high - middle];
  return below > 0 && above > 0 && Math.max(below, above) <= tailRatioMax * Math.min(below, above);
}
