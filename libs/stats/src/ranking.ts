/**
 * The area under the ROC curve: the chance that a positive scores above a negative, ties counting half. NaN where one
 * of the two classes is absent.
 */
export function areaUnderCurve(scores: ArrayLike<number>, positive: ArrayLike<boolean | number>): number {
  const order = Array.from({ length: scores.length }, (_, at) => at).sort(
    (a, b) => (scores[a] as number) - (scores[b] as number),
  );
  let positives = 0;
  let rankSum = 0;
  for (let i = 0; i < order.length; ) {
    let end = i;
    let tied = 0;
    const score = scores[order[i] as number];
    while (end < order.length && scores[order[end] as number] === score) {
      if (positive[order[end] as number]) tied++;
      end++;
    }
    rankSum += (tied * (i + 1 + end)) / 2;
    positives += tied;
    i = end;
  }
  const negatives = order.length - positives;
  if (positives === 0 || negatives === 0) return Number.NaN;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}
