import { PlatformError } from '@perennial/kernel';
import { requestLimits } from './limits.js';

/** Bounds the files that are on their way in, of each caller and together. */
export class Uploads {
  readonly #underWay = new Map<string, number>();

  /**
   * Runs `work` as one upload of the caller.
   *
   * @throws PlatformError UPLOADS_EXHAUSTED before anything of the body is read
   */
  async through<T>(caller: string, work: () => Promise<T>): Promise<T> {
    const own = this.#underWay.get(caller) ?? 0;
    let all = 0;
    for (const count of this.#underWay.values()) all += count;
    if (own >= requestLimits.uploadsOfCallerMax || all >= requestLimits.uploadsMax) throw exhausted(own);
    this.#underWay.set(caller, own + 1);
    try {
      return await work();
    } finally {
      const left = (this.#underWay.get(caller) ?? 1) - 1;
      if (left > 0) this.#underWay.set(caller, left);
      else this.#underWay.delete(caller);
    }
  }
}

function exhausted(own: number): PlatformError {
  return new PlatformError(
    'UPLOADS_EXHAUSTED',
    'caller',
    'after',
    own > 0
      ? `${own} files of yours are on their way in; send this one when one of them is through`
      : 'as many files as this gateway takes are on their way in; send this one in a moment',
    { retryAfterMs: 5_000 },
  );
}
