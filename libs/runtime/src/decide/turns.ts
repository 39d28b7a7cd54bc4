import { Heap } from './heap.js';

interface Entry<T> {
  readonly member: T;
  /** Cost served so far, on the common clock; the least comes next. */
  pass: number;
  /** Charged while it waited; counted when it comes up, since the order of those that wait must stand until then. */
  debt: number;
  order: number;
  isWaiting: boolean;
}

/** Members that do not wait are forgotten, past this many, once they are no longer ahead of the others. */
const idleMax = 64;

/**
 * Whose turn it is, so that what members are served costs the same for each that waits (stride scheduling; Waldspurger
 * and Weihl 1995, with the start of a member that was idle as in start-time fair queueing, Goyal et al. 1997).
 */
export class Turns<T> {
  readonly #entries = new Map<T, Entry<T>>();
  readonly #waiting = new Heap<Entry<T>>(
    (a, b) => a.pass < b.pass || (a.pass === b.pass && a.order < b.order),
  );
  #clock = 0;
  #orders = 0;

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Has no effect on a member that waits already. */
  add(member: T): void {
    let entry = this.#entries.get(member);
    if (!entry) {
      if (this.#entries.size > this.#waiting.size + idleMax) this.#forget();
      entry = { member, pass: 0, debt: 0, order: 0, isWaiting: false };
      this.#entries.set(member, entry);
    }
    if (entry.isWaiting) return;
    entry.pass = Math.max(entry.pass, this.#clock);
    entry.order = this.#orders++;
    entry.isWaiting = true;
    this.#waiting.push(entry);
  }

  /** The member whose turn it is; it waits no more. */
  next(): T | undefined {
    for (let entry = this.#waiting.pop(); entry; entry = this.#waiting.pop()) {
      entry.pass += entry.debt;
      entry.debt = 0;
      const second = this.#waiting.peek();
      if (second && second.pass + second.debt < entry.pass) {
        this.#waiting.push(entry);
        continue;
      }
      entry.isWaiting = false;
      this.#clock = Math.max(this.#clock, entry.pass);
      return entry.member;
    }
    return undefined;
  }

  /** What it was served; negative where it was charged too much. */
  charge(member: T, cost: number): void {
    const entry = this.#entries.get(member);
    if (!entry) return;
    if (entry.isWaiting) entry.debt += cost;
    else entry.pass += cost;
  }

  delete(member: T): void {
    const entry = this.#entries.get(member);
    this.#entries.delete(member);
    if (entry?.isWaiting) this.#waiting.filter((other) => other !== entry);
  }

  #forget(): void {
    for (const [member, { pass, isWaiting }] of this.#entries)
      if (!isWaiting && pass <= this.#clock) this.#entries.delete(member);
  }
}
