import type { Submission } from '@perennial/contracts';
import { requestLimits } from './limits.js';
import type { Submissions } from './needs.js';

/** A submission that is ours to work on, until `signal` aborts: it was cancelled, or our lease ran out. */
export interface Held {
  readonly submission: Submission;
  readonly epoch: number;
  readonly signal: AbortSignal;
}

/** Keeps the lease while `work` goes on; a lease that is not ours any more ends the work. */
export async function whileHeld<T>(
  submissions: Submissions,
  claim: { readonly submission: Submission; readonly epoch: number },
  stopping: AbortSignal,
  work: (held: Held) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const { submissionId } = claim.submission;
  let keptUntil = performance.now() + requestLimits.leaseMs;
  const renew = async () => {
    const askedAt = performance.now();
    try {
      const { leaseMs } = requestLimits;
      const { held } = await submissions.renewSubmission({ submissionId, epoch: claim.epoch, leaseMs });
      if (held) keptUntil = askedAt + requestLimits.leaseMs;
      else lost.abort();
    } catch {
      // The registry is away: the lease may last until it is back.
      if (performance.now() > keptUntil) lost.abort();
    }
  };
  const timer = setInterval(() => void renew(), requestLimits.leaseMs / 3);
  try {
    return await work({ ...claim, signal: AbortSignal.any([lost.signal, stopping]) });
  } finally {
    clearInterval(timer);
  }
}
