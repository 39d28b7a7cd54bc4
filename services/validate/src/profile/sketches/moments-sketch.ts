/**
 * Count, mean and sum of squared deviations, extremes. Parts are joined by the formula of Chan, Golub and LeVeque
 * (1983), which loses no digits to the size of the mean.
 */
export interface MomentsState {
  count: number;
  mean: number;
  /** Sum of squared deviations from the mean. */
  squares: number;
  min: number;
  max: number;
}

export function emptyMoments(): MomentsState {
  return {
    count: 0,
    mean: 0,
    squares: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
  };
}

/** Adds the first `count` of these finite values. */
export function addToMoments(state: MomentsState, values: Float64Array, count: number): void {
  if (count === 0) return;
  let [sum, min, max] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < count; i++) {
    const value = values[i] as number;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < count; i++) {
    const deviation = (values[i] as number) - mean;
    squares += deviation * deviation;
  }
  mergeMoments(state, { count, mean, squares, min, max });
}

export function mergeMoments(state: MomentsState, other: MomentsState): void {
  if (other.count === 0) return;
  const count = state.count + other.count;
  const delta = other.mean - state.mean;
  state.mean += (delta * other.count) / count;
  state.squares += other.squares + (delta * delta * state.count * other.count) / count;
  state.count = count;
  state.min = Math.min(state.min, other.min);
  state.max = Math.max(state.max, other.max);
}
