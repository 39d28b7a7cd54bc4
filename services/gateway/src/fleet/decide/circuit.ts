export interface CircuitOptions {
  /** So many failures one after the other open it. */
  readonly failuresMax: number;
  /** Or half of at least `requestsMin` requests within `windowMs`. */
  readonly requestsMin: number;
  readonly windowMs: number;
  /** How long it stays open the first time; doubled each time up to the maximum. */
  readonly openMs: number;
  readonly openMsMax: number;
  /** So many requests must go well before all may come again. */
  readonly probes: number;
}

export type CircuitState = 'closed' | 'open' | 'half-open';

/**
 * Keeps requests from a replica that fails them. Closed: all may go. Open: none, for a while that doubles each time it
 * opens. Then half open: a few try, and the first failure opens it again. What a request itself is to blame for is not
 * told here. Every moment is passed in, in milliseconds.
 */
export class Circuit {
  readonly #o: CircuitOptions;
  #state: CircuitState = 'closed';
  #failuresInRow = 0;
  #window = { startedAt: 0, requests: 0, failures: 0 };
  #openings = 0;
  #until = 0;
  #probing = 0;
  #probed = 0;

  constructor(options: CircuitOptions) {
    this.#o = options;
  }

  state(now: number): CircuitState {
    return this.#state === 'open' && now >= this.#until ? 'half-open' : this.#state;
  }

  /** Whether one more request may go there. */
  mayTake(now: number): boolean {
    const state = this.state(now);
    return state === 'closed' || (state === 'half-open' && this.#probing < this.#o.probes - this.#probed);
  }

  /** A request goes there. */
  took(now: number): void {
    if (this.state(now) !== 'half-open') return;
    this.#state = 'half-open';
    this.#probing += 1;
  }

  succeeded(now: number): void {
    this.#failuresInRow = 0;
    this.#count(now, 0);
    if (this.#state !== 'half-open') return;
    this.#probing = Math.max(0, this.#probing - 1);
    this.#probed += 1;
    if (this.#probed < this.#o.probes) return;
    this.#state = 'closed';
    this.#until = now;
  }

  /**
   * True where it should open now; whoever asks opens it, unless no other replica is left. `now` in milliseconds.
   */
  failed(now: number): boolean {
    this.#failuresInRow += 1;
    this.#count(now, 1);
    if (this.#state === 'half-open') {
      // Where it stays half open, for want of another replica, the next one may try.
      this.gaveBack();
      return true;
    }
    const { requests, failures } = this.#window;
    const isHalfFailing = requests >= this.#o.requestsMin && failures * 2 > requests;
    return this.#state === 'closed' && (this.#failuresInRow >= this.#o.failuresMax || isHalfFailing);
  }

  /** A request came back without saying anything about the replica: cancelled, for example. */
  gaveBack(): void {
    if (this.#state === 'half-open') this.#probing = Math.max(0, this.#probing - 1);
  }

  /** `jitter` in [0, 1) spreads by a fifth either way, so that several gateways do not come back at once. */
  open(now: number, jitter: number): void {
    if (this.#state === 'closed' && now - this.#until > this.#o.openMsMax) this.#openings = 0;
    const plainMs = Math.min(this.#o.openMs * 2 ** this.#openings, this.#o.openMsMax);
    this.#openings += 1;
    this.#until = now + Math.min(plainMs * (0.8 + 0.4 * jitter), this.#o.openMsMax);
    this.#state = 'open';
    this.#failuresInRow = 0;
    this.#window = { startedAt: now, requests: 0, failures: 0 };
    this.#probing = 0;
    this.#probed = 0;
  }

  #count(now: number, failures: number): void {
    if (now - this.#window.startedAt > this.#o.windowMs)
      this.#window = { startedAt: now, requests: 0, failures: 0 };
    this.#window.requests += 1;
    this.#window.failures += failures;
  }
}
