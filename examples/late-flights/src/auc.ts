/**
 * Area under the ROC curve by ranks (Mann-Whitney U over positives times negatives); equal scores share their mean rank.
 * `scores` and `labels` (0 or 1) are of one length; NaN where one class is absent.
 */
export function areaUnderCurve(scores: Float64Array, labels: Float64Array): number {
  const order = Uint32Array.from(scores.keys()).sort((a, b) => (scores[a] as number) - (scores[b] as number));
  let positives = 0;
  let rankSum = 0;
  for (let start = 0; start < order.length; ) {
    let end = start;
    let positivesHere = 0;
    while (end < order.length && scores[order[end] as number] === scores[order[start] as number]) {
      positivesHere += labels[order[end] as number] as number;
      end++;
    }
    rankSum += positivesHere * ((start + 1 + end) / 2);
    positives += positivesHere;
    start = end;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * (order.length - positives));
}
