/** Hexadecimal digits at the end of a prediction id that are drawn at random. */
const digits = 8;

/**
 * Whether a prediction belongs to the sample: decided by its id alone, so that whoever knows the id knows the answer.
 * A share of 0 means all, as in ServeSettings.
 */
export function isDrawn(predictionId: string, share: number): boolean {
  if (share === 0 || share >= 1) return true;
  return Number.parseInt(predictionId.slice(-digits), 16) / 16 ** digits < share;
}
