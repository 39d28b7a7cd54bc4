/** A class by its name, and how likely it is. */
export interface DecodedLabel {
  readonly label: string;
  readonly probability: number;
}

/**
 * The class that an answer means, where the deployment names its classes by number. Of two classes the answer is the
 * probability of the second one; of more it is the number of the class, which says nothing of its probability.
 * Undefined where the answer names none.
 */
export function decodedLabel(
  classes: readonly string[],
  prediction: number,
): DecodedLabel | Pick<DecodedLabel, 'label'> | undefined {
  if (classes.length === 2) {
    if (!(prediction >= 0 && prediction <= 1)) return undefined;
    const isSecond = prediction >= 0.5;
    return {
      label: classes[isSecond ? 1 : 0] as string,
      probability: isSecond ? prediction : 1 - prediction,
    };
  }
  const label = Number.isInteger(prediction) ? classes[prediction] : undefined;
  return label === undefined ? undefined : { label };
}
