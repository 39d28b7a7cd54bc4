import type { oip, ServeResponse } from '@perennial/contracts';
import { PlatformError, unavailable } from '@perennial/kernel';
import type { Cancellation } from '@perennial/runtime';
import { withinDeadline } from '../effects/gather.js';
import { Budget } from './decide/budget.js';
import { LatencyWindow } from './decide/latency-window.js';
import { isFinal, isIllness, replicaError } from './decide/replica-error.js';
import { fleetLimits } from './limits.js';
import type { Member } from './member.js';
import type { Pool } from './pool.js';
import { ReplicaLost, type Sent, tooLate } from './replica.js';
import { SuspectLane } from './suspects.js';

/** One message for a replica: a request, or several that travel together. */
export interface Job {
  readonly digest: string;
  readonly signature: string;
  readonly pool: Pool;
  readonly request: oip.ModelInferRequest;
  readonly rows: number;
  /** On performance.now(). */
  readonly deadlineAt: number;
  readonly priority: number;
  readonly share: string;
  /** Runs in a batch of its own. */
  readonly alone: boolean;
  readonly hedge: boolean;
  readonly signal: Cancellation | undefined;
  /** Of the requests in it that are traced. */
  readonly traceparents: readonly string[];
  /** Replicas that went down with it, or with the message that it was part of. */
  readonly losses: number;
  /** With so many it is given up: LostWithReplicas. */
  readonly lossesMax: number;
}

export interface Answered {
  readonly response: ServeResponse;
  /** Who answered. */
  readonly replica: string;
}

/** So many replicas went down with this in hand that it may be the reason. */
export class LostWithReplicas extends Error {}

/** Of requests that a replica sent back on its way out. */
const drainingCode = 'REPLICA_DRAINING';

/** What happens beside the answers, for counts and logs. */
export interface DispatchEvents {
  readonly onRetry: (why: string) => void;
  readonly onHedge: (isWon: boolean) => void;
  readonly onEjected: (member: Member, why: string) => void;
}

/**
 * Gets a message answered by some replica of its pool. Inference changes nothing anywhere, so what is lost with a
 * replica, refused by a full one or failed by an ill one is asked of another, within the deadline and a budget. What
 * replicas go down with is suspected, goes alone, and is given up after two.
 */
export class Dispatch {
  readonly #events: DispatchEvents;
  readonly #random: () => number;
  readonly #retries = new Budget(fleetLimits.retries);
  readonly #hedges = new Budget(fleetLimits.hedges);
  /** One for each pool: what waits for a replica of one holds nobody up in another. */
  readonly #lanes = new WeakMap<Pool, SuspectLane>();
  readonly #usual = new Map<string, LatencyWindow>();

  constructor(events: DispatchEvents, random: () => number) {
    this.#events = events;
    this.#random = random;
  }

  /** @throws LostWithReplicas, or PlatformError DEADLINE_EXCEEDED, INFERENCE_UNAVAILABLE, or what the replica says */
  async run(job: Job): Promise<Answered> {
    this.#retries.earn();
    if (job.hedge) this.#hedges.earn();
    let { losses } = job;
    let but: Member | undefined;
    for (let sends = 1; ; sends++) {
      checkWanted(job);
      const tried = await this.#try(job, losses > 0, but);
      if ('response' in tried && tried.response.outcome.case === 'response')
        return { response: tried.response, replica: tried.member.id };
      but = tried.member;
      const { error, why, isFinal, isLoss } = this.#judge(job, tried, sends);
      if (isLoss) losses += 1;
      if (isFinal) throw error;
      if (losses >= job.lossesMax) throw new LostWithReplicas();
      // What was never begun is no repetition.
      const isRepeat = why !== 'drained' && why !== 'closed';
      if (isRepeat && (sends >= fleetLimits.sendsMax || !this.#retries.spend(performance.now()))) throw error;
      this.#events.onRetry(why);
      if (!isLoss && job.pool.choose(job.digest, but) === but) await pause(fleetLimits.resendDelayMs);
    }
  }

  /** Forgets what it learnt about a model. */
  forget(digest: string): void {
    this.#usual.delete(digest);
  }

  #try(job: Job, isSuspect: boolean, but: Member | undefined): Promise<Tried> {
    const attempt = async (sent: () => void) => {
      const member = await job.pool.take(job.digest, job.deadlineAt, job.signal, but);
      sent();
      return this.#attempt(job, member);
    };
    if (!isSuspect) return attempt(() => {});
    const inTurn = this.#laneOf(job.pool).run((sent) => {
      checkWanted(job);
      return attempt(sent);
    });
    return withinDeadline(inTurn, job.deadlineAt, () => tooLate());
  }

  #laneOf(pool: Pool): SuspectLane {
    let lane = this.#lanes.get(pool);
    if (!lane) {
      lane = new SuspectLane(fleetLimits.suspectPatienceMs);
      this.#lanes.set(pool, lane);
    }
    return lane;
  }

  /** What an outcome that is no answer means for the request. */
  #judge(
    job: Job,
    tried: Tried,
    sends: number,
  ): { error: unknown; why: string; isFinal: boolean; isLoss: boolean } {
    if ('lost' in tried) {
      const { how } = tried.lost;
      const error = unavailable(
        'INFERENCE_UNAVAILABLE',
        'inference went away with this request and there is no time or allowance to ask again; ask again in a second',
      );
      return { error, why: how, isFinal: false, isLoss: how === 'crashed' };
    }
    const { outcome } = tried.response;
    const error = outcome.case === 'error' ? replicaError(outcome.value) : withoutOutcome();
    const { code } = error;
    const hasOther = job.pool.choose(job.digest, tried.member) !== tried.member;
    return {
      error,
      why: code === drainingCode ? 'drained' : code,
      isFinal: isFinal(error, sends > 1 || !hasOther),
      isLoss: /^EXECUTOR_(CRASHED|STUCK)$/.test(code),
    };
  }

  async #attempt(job: Job, member: Member): Promise<Tried> {
    if (!job.hedge) return this.#send(job, member).tried;
    const usual = this.#usualOf(job.digest);
    const now = performance.now();
    const afterMs = usual.quantile(fleetLimits.hedgeQuantile, now, fleetLimits.hedgeSamplesMin);
    const first = this.#send(job, member);
    if (afterMs === undefined || (await isSettledWithin(first.tried, afterMs))) return first.tried;
    const second = this.#hedge(job, member);
    return second ? this.#firstOf(job.digest, first, second) : first.tried;
  }

  #hedge(job: Job, first: Member): Flight | undefined {
    const other = job.pool.choose(job.digest, first);
    const now = performance.now();
    if (!other || other === first || other.utilisation(now) > fleetLimits.hedgeUtilisationMax)
      return undefined;
    if (!this.#hedges.spend(now)) return undefined;
    return this.#send(job, other);
  }

  /** The first that has an answer wins, and the other one's place is given back. */
  async #firstOf(digest: string, first: Flight, second: Flight): Promise<Tried> {
    const winner = await Promise.race([
      first.tried.then((tried) => ({ tried, isSecond: false })),
      second.tried.then((tried) => ({ tried, isSecond: true })),
    ]);
    const isAnswer = 'response' in winner.tried && winner.tried.response.outcome.case === 'response';
    const other = winner.isSecond ? first : second;
    this.#events.onHedge(winner.isSecond && isAnswer);
    if (!isAnswer) return other.tried;
    other.cancel();
    // It has not answered for so long: as much is known of its latency.
    const now = performance.now();
    other.member.answered(digest, now - other.sentAt, undefined, now);
    return winner.tried;
  }

  #send(job: Job, member: Member): Flight {
    const sentAt = performance.now();
    member.circuit.took(sentAt);
    const { digest, signature, request, priority, share, alone, signal } = job;
    const traceparents = [...job.traceparents];
    const sent = member.send(
      { digest, signature, request, priority, share, alone, traceparents },
      job.rows,
      job.deadlineAt,
    );
    const noted = this.#noted(job, member, sent, sentAt);
    if (!signal && !job.hedge) return { member, sentAt, tried: noted, cancel: () => {} };
    let cancel = () => {};
    const givenUp = new Promise<never>((_, reject) => {
      cancel = () => {
        sent.cancel();
        member.circuit.gaveBack();
        reject(cancelled());
      };
    });
    signal?.addEventListener('abort', cancel);
    const tried = Promise.race([noted, givenUp]).finally(() => signal?.removeEventListener('abort', cancel));
    // Of two flights one is left alone; what comes of it then is nobody's concern.
    tried.catch(() => {});
    return { member, sentAt, tried, cancel };
  }

  /** Waits for what comes of it and tells the member's record. */
  async #noted(job: Job, member: Member, sent: Sent, sentAt: number): Promise<Tried> {
    try {
      const response = await sent.answer;
      const now = performance.now();
      const { outcome } = response;
      if (outcome.case === 'response') {
        const usual = this.#usualOf(job.digest);
        member.circuit.succeeded(now);
        member.answered(job.digest, now - sentAt, usual.quantile(0.5, now, fleetLimits.slowSamplesMin), now);
        usual.add(now - sentAt, now);
      } else if (outcome.case === 'error' && outcome.value.code === drainingCode) {
        member.circuit.gaveBack();
        member.drains();
      } else if (outcome.case === 'error' && isIllness(outcome.value.code))
        this.#failed(job, member, outcome.value.code);
      else member.circuit.succeeded(now);
      return { member, response };
    } catch (thrown) {
      if (thrown instanceof ReplicaLost) {
        member.circuit.gaveBack();
        return { member, lost: thrown };
      }
      const tookMs = performance.now() - sentAt;
      if (tookMs > fleetLimits.slowIsFailureMs) this.#failed(job, member, 'no answer');
      else member.circuit.gaveBack();
      throw thrown;
    }
  }

  #failed(job: Job, member: Member, why: string): void {
    const now = performance.now();
    if (!member.circuit.failed(now)) return;
    const isLast = !job.pool.usable().some((other) => other !== member && other.circuit.mayTake(now));
    if (isLast) return;
    member.circuit.open(now, this.#random());
    this.#events.onEjected(member, why);
  }

  #usualOf(digest: string): LatencyWindow {
    let usual = this.#usual.get(digest);
    if (!usual) {
      usual = new LatencyWindow(fleetLimits.latencyWindowMs);
      this.#usual.set(digest, usual);
    }
    return usual;
  }
}

type Tried = { readonly member: Member } & (
  | { readonly response: ServeResponse }
  | { readonly lost: ReplicaLost }
);

interface Flight {
  readonly member: Member;
  readonly sentAt: number;
  /** Rejects at the deadline, and where it was cancelled. */
  readonly tried: Promise<Tried>;
  cancel(): void;
}

/** @throws PlatformError DEADLINE_EXCEEDED, CANCELLED where nobody waits for it any more */
function checkWanted({ deadlineAt, signal }: Job): void {
  if (signal?.aborted) throw cancelled();
  if (performance.now() >= deadlineAt) throw tooLate();
}

/** What a request is told that was given up by its own client. */
export function cancelled(): PlatformError {
  return new PlatformError('CANCELLED', 'caller', 'never', 'nobody waits for the answer any more');
}

/** Settles as `work` does, or rejects with CANCELLED as soon as nobody waits for it any more. */
export function whileWanted<T>(work: Promise<T>, signal: Cancellation | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const gone = () => reject(cancelled());
    signal.addEventListener('abort', gone);
    if (signal.aborted) gone();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', gone));
  });
}

async function isSettledWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const settled = work.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, late]).finally(() => clearTimeout(timer));
}

function withoutOutcome(): PlatformError {
  return new PlatformError('INTERNAL', 'us', 'after', 'a replica answered without an outcome');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
