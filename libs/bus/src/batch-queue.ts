import type { JsMsg } from '@nats-io/jetstream';
import { bell } from './pause.js';

/** Between the reader of a stream and the worker: holds up to `room` messages, and lets the reader wait beyond. */
export class BatchQueue {
  private readonly messages: JsMsg[] = [];
  private readonly arrived = bell();
  private readonly taken = bell();
  /** How many the worker waits for. */
  private wanted = 1;

  constructor(
    private readonly room: number,
    private readonly signal: AbortSignal,
  ) {}

  get size(): number {
    return this.messages.length;
  }

  async put(message: JsMsg): Promise<void> {
    while (this.messages.length >= this.room && !this.signal.aborted)
      await this.taken.heard(idleMs, this.signal);
    this.messages.push(message);
    if (this.messages.length >= this.wanted) this.arrived.ring();
  }

  /**
   * The next `max` messages or fewer, but not before `notBefore` (on performance.now()) unless there are as many as that.
   * Waits for the first. Empty when aborted.
   */
  async take(max: number, notBefore: number): Promise<JsMsg[]> {
    while (this.messages.length === 0) {
      if (this.signal.aborted) return [];
      await this.arrived.heard(idleMs, this.signal);
    }
    this.wanted = max;
    while (this.messages.length < max && !this.signal.aborted) {
      const leftMs = notBefore - performance.now();
      if (leftMs <= 0) break;
      await this.arrived.heard(leftMs, this.signal);
    }
    this.wanted = 1;
    const batch = this.messages.splice(0, max);
    this.taken.ring();
    return batch;
  }
}

const idleMs = 60_000;
