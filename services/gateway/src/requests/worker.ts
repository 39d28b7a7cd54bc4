import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Submission, SubmissionKind } from '@perennial/contracts';
import { asPlatformError, type PlatformError } from '@perennial/kernel';
import { retryAfterMs } from '../decide/after-failure.js';
import { problemDocument } from '../http/answer.js';
import { type Held, whileHeld } from './held.js';
import { requestLimits } from './limits.js';
import { persist } from './persist.js';
import { runBatch } from './run-batch.js';
import { runRequest } from './run-request.js';
import { Slots } from './slots.js';
import type { End, WorkNeeds } from './work-needs.js';

interface Claimed {
  readonly submission: Submission;
  readonly epoch: number;
}

export interface WorkerOptions extends WorkNeeds {
  readonly warn: (message: string, fields: Record<string, unknown>) => void;
  /** One has ended: somebody may want to hear it. */
  readonly onEnded: () => void;
}

/** Works submissions off: claims what is due, predicts, and ends each with its one result. */
export class SubmissionWorker {
  readonly #options: WorkerOptions;
  readonly #stopping = new AbortController();
  readonly #slots: Slots<Claimed>[];

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#slots = [
      this.#slotsFor(SubmissionKind.REQUEST, requestLimits.requestsInHandMax),
      this.#slotsFor(SubmissionKind.BATCH, requestLimits.batchesInHandMax),
    ];
  }

  /** Submissions that are worked on here. */
  get inHand(): number {
    return this.#slots.reduce((sum, { inHand }) => sum + inHand, 0);
  }

  start(): void {
    for (const slots of this.#slots) slots.start();
  }

  /** Something may be due. */
  wake(): void {
    for (const slots of this.#slots) slots.wake();
  }

  /** Gives back what is in hand, so that another gateway can take it up at once. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#slots.map((slots) => slots.stopped()));
  }

  #slotsFor(kind: SubmissionKind, count: number): Slots<Claimed> {
    const { submissions } = this.#options;
    return new Slots({
      count,
      signal: this.#stopping.signal,
      claim: async () => {
        const { submission, epoch } = await submissions.claimSubmission({
          leaseMs: requestLimits.leaseMs,
          kind,
        });
        return submission && { submission, epoch };
      },
      work: (claimed) => this.#work(claimed),
    });
  }

  async #work(claimed: Claimed): Promise<void> {
    const { submissions, warn } = this.#options;
    try {
      await whileHeld(submissions, claimed, this.#stopping.signal, async (held) => {
        try {
          await this.#complete(held, await this.#run(held));
        } catch (thrown) {
          await this.#failed(held, asPlatformError(thrown));
        }
      });
    } catch (error) {
      // The lease runs out, and whoever comes next takes it up again.
      warn('a submission is left for later', { submissionId: claimed.submission.submissionId, error });
    }
  }

  #run(held: Held): Promise<End> {
    const isBatch = held.submission.kind === SubmissionKind.BATCH;
    return isBatch ? runBatch(this.#options, held) : runRequest(this.#options, held);
  }

  async #complete({ submission, epoch, signal }: Held, end: End & { errorJson?: string }): Promise<void> {
    const { submissionId } = submission;
    const { submissions } = this.#options;
    await persist(signal, () => submissions.completeSubmission({ submissionId, epoch, ...end }));
    this.#options.onEnded();
  }

  async #failed(held: Held, error: PlatformError): Promise<void> {
    const { submission, epoch, signal } = held;
    const { submissions, warn } = this.#options;
    const { submissionId } = submission;
    if (this.#stopping.signal.aborted) {
      await submissions.postponeSubmission({ submissionId, epoch, delayMs: 0 });
      return;
    }
    // Cancelled, or not ours any more: there is nobody to tell.
    if (signal.aborted || error.code === 'SUBMISSION_LOST') return;
    const ageMs = ageOf(submission, this.#options.clock.now());
    const delayMs = retryAfterMs({ error, attempt: submission.attempt, ageMs }, requestLimits);
    if (error.fault === 'us') warn('a submission failed', { submissionId, error });
    if (delayMs !== undefined) {
      await persist(signal, () => submissions.postponeSubmission({ submissionId, epoch, delayMs }));
      return;
    }
    const { rowsDone, rowsFailed } = submission;
    const errorJson = problemDocument(error).body;
    await this.#complete(held, { resultDigest: '', rowsDone, rowsFailed, errorJson });
  }
}

function ageOf({ createdAt }: Submission, now: number): number {
  return createdAt ? now - timestampMs(createdAt) : 0;
}
