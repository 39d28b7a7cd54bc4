/** A body on its way in. */
export interface Awaited {
  /** On performance.now(). */
  readonly deadlineAt: number;
  /** Told when it has passed. */
  late(): void;
}

/** How late a deadline may be noticed; those of bodies are seconds. */
const lookMs = 20;

/**
 * Watches the deadlines of all bodies by one timer: most bodies are there with their headers, and a timer for each
 * would cost more than reading it.
 */
export class BodyWatch {
  readonly #awaited = new Set<Awaited>();
  #timer: NodeJS.Timeout | undefined;

  add(body: Awaited): void {
    this.#awaited.add(body);
    this.#timer ??= setInterval(() => this.#look(), lookMs);
  }

  remove(body: Awaited): void {
    this.#awaited.delete(body);
  }

  /** Looks for as long as bodies come, so that the timer is not started anew for each. */
  #look(): void {
    if (this.#awaited.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const now = performance.now();
    for (const body of this.#awaited) {
      if (body.deadlineAt > now) continue;
      this.#awaited.delete(body);
      body.late();
    }
  }
}
