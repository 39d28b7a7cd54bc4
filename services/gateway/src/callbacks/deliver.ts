import type { Submission } from '@perennial/contracts';
import { asPlatformError, type Clock } from '@perennial/kernel';
import { type RequestNeeds, resultOf, type Submissions } from '../requests/needs.js';
import { shownSubmission, stateOf } from '../requests/shown.js';
import { Slots } from '../requests/slots.js';
import { post } from './post.js';
import { pauseAfter, verdictOf } from './retry.js';
import { signedHeaders } from './sign.js';

export interface DeliveryOptions extends Pick<RequestNeeds, 'artifacts'> {
  readonly submissions: Submissions;
  readonly clock: Clock;
  readonly allowPrivate: boolean;
}

interface Due {
  readonly submission: Submission;
  readonly secret: string;
  readonly epoch: number;
}

/** Callbacks that this gateway sends at a time; a slow receiver takes 10 s. */
const callbacksInHandMax = 8;
/** Longer than a receiver may take. */
const leaseMs = 30_000;

/** Tells those who want to hear it that their submission has ended: at least once, under one webhook-id. */
export class CallbackDelivery {
  readonly #options: DeliveryOptions;
  readonly #stopping = new AbortController();
  readonly #slots: Slots<Due>;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const { submissions } = options;
    this.#slots = new Slots({
      count: callbacksInHandMax,
      signal: this.#stopping.signal,
      claim: async () => {
        const { submission, secret, epoch } = await submissions.claimCallback({ leaseMs });
        return submission && { submission, secret, epoch };
      },
      // Not settled: the lease runs out, and it is told again.
      work: (due) => this.#deliver(due).catch(() => {}),
    });
  }

  get inHand(): number {
    return this.#slots.inHand;
  }

  start(): void {
    this.#slots.start();
  }

  wake(): void {
    this.#slots.wake();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#slots.stopped();
  }

  async #deliver({ submission, secret, epoch }: Due): Promise<void> {
    const { submissionId, callbackAttempt } = submission;
    const outcome = await this.#tell(submission, secret);
    await this.#options.submissions.settleCallback({
      submissionId,
      epoch,
      delivered: outcome.verdict === 'heard',
      error: outcome.error,
      retryMs: outcome.verdict === 'again' ? pauseAfter(callbackAttempt + 1) : 0,
    });
  }

  async #tell(
    submission: Submission,
    secret: string,
  ): Promise<{ verdict: ReturnType<typeof verdictOf>; error: string }> {
    const { clock, allowPrivate } = this.#options;
    try {
      const now = clock.now();
      const body = JSON.stringify({
        type: `prediction.${stateOf(submission)}`,
        timestamp: new Date(now).toISOString(),
        data: shownSubmission(submission, await resultOf(this.#options, submission)),
      });
      const id = submission.submissionId;
      const headers = signedHeaders(secret, { id, atSeconds: Math.floor(now / 1_000), body });
      const status = await post(submission.callbackUrl, { headers, body, allowPrivate });
      const verdict = verdictOf(status);
      return { verdict, error: verdict === 'heard' ? '' : `it answered with status ${status}` };
    } catch (thrown) {
      const { code, message } = asPlatformError(thrown);
      const why = code === 'INTERNAL' ? String((thrown as Error).message) : message;
      return { verdict: 'again', error: why.slice(0, 200) };
    }
  }
}
