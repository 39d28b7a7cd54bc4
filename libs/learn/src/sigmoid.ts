/** The probability of a score in log-odds. */
export function sigmoid(score: number): number {
  return 1 / (1 + Math.exp(-score));
}
