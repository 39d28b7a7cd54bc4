/** What decisions look at in a prediction. */
export interface ToldPrediction {
  readonly predictionId: string;
  readonly epoch: number | bigint;
  readonly status: string;
  readonly rows: readonly { readonly answers: readonly { version: number; error: string }[] }[];
}

/**
 * What one prediction says about a candidate. `absent`: others answered, as they should; `silent`: it says nothing,
 * for example because the request itself was refused; `inconclusive`: it failed, but for a reason that may lie in the
 * server or the network.
 */
export type Say =
  | { readonly is: 'good' | 'absent' | 'silent' }
  | { readonly is: 'failed' | 'inconclusive'; readonly error: string };

/** Codes of a server that is away, slow, full or stopping. */
const notItsOwn = /UNAVAILABLE|TIMEOUT|DEADLINE|EXHAUSTED|OVERLOAD|CANCELL?ED|NOT_LOADED/;

export function whatItSays(prediction: ToldPrediction, version: number): Say {
  const answers = prediction.rows.flatMap((row) => row.answers);
  const own = answers.filter((answer) => answer.version === version);
  if (own.length === 0) return { is: prediction.status === 'OK' ? 'absent' : 'silent' };
  const error = own.find((answer) => answer.error !== '')?.error;
  if (error === undefined) return { is: prediction.status === 'OK' ? 'good' : 'silent' };
  const others = answers.filter((answer) => answer.version !== version);
  const didAllFail = others.length > 0 && others.every((answer) => answer.error !== '');
  const code = error.split(':', 1)[0] ?? '';
  return { is: didAllFail || notItsOwn.test(code) ? 'inconclusive' : 'failed', error };
}
