import type { JsMsg } from '@nats-io/jetstream';
import { bell } from './pause.js';

/** Between the reader of a stream and the worker: holds up to `room` messages, and lets the reader wait beyond. */
export class BatchQueue {
  private readonly messages: JsMsg[] = [];
  private readonly arrived = bell();
  private readonly taken = bell();

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
    this.arrived.ring();
  }

  /** The next `max` messages or fewer; waits for the first, and then up to `waitMs` for more. Empty when aborted. */
  async take(max: number, waitMs: number): Promise<JsMsg[]> {
    while (this.messages.length === 0) {
      if (this.signal.aborted) return [];
      await this.arrived.heard(idleMs, this.signal);
    }
    const deadline = performance.now() + waitMs;
    for (let left = waitMs; left > 0 && this.messages.length < max && !this.signal.aborted; ) {
      await this.arrived.heard(left, this.signal);
      left = deadline - performance.now();
    }
    const batch = this.messages.splice(0, max);
    this.taken.ring();
    return batch;
  }
}

const idleMs = 60_000;
