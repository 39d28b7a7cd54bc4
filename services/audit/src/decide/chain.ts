import type { Entry } from './entry.js';

/** An event with its place in the log. */
export interface RecordedEvent {
  readonly index: number;
  readonly entry: Entry;
}

export interface Link {
  readonly event: RecordedEvent;
  /** Ids of the events that led to it. */
  readonly causes: readonly string[];
}

export interface ChainStep {
  readonly event: RecordedEvent;
  /** The longest way from the event that was asked about, so that a cause is always deeper than its effect. */
  readonly depth: number;
}

/**
 * Puts what led to `start` in order: no cause before its effect, and beside that the latest first. Links that would
 * make a circle (by a clock that was set back, or by ids used twice) are passed over.
 */
export function orderChain(start: string, links: ReadonlyMap<string, Link>): ChainStep[] {
  const waiting = withoutCircles(start, links);
  const depths = new Map([[start, 0]]);
  const effects = new Map<string, number>();
  for (const causes of waiting.values()) {
    for (const cause of causes) effects.set(cause, (effects.get(cause) ?? 0) + 1);
  }
  const ready = [start];
  const steps: ChainStep[] = [];
  while (ready.length > 0) {
    ready.sort((a, b) => latestFirst(links.get(a)?.event, links.get(b)?.event));
    const id = ready.shift() as string;
    const depth = depths.get(id) ?? 0;
    const event = links.get(id)?.event;
    if (event) steps.push({ event, depth });
    for (const cause of waiting.get(id) ?? []) {
      depths.set(cause, Math.max(depths.get(cause) ?? 0, depth + 1));
      const left = (effects.get(cause) ?? 1) - 1;
      effects.set(cause, left);
      if (left === 0) ready.push(cause);
    }
  }
  return steps;
}

/** Causes of everything reachable, each once, without the links that lead back to an effect. */
function withoutCircles(start: string, links: ReadonlyMap<string, Link>): Map<string, Set<string>> {
  const causesOf = new Map<string, Set<string>>();
  const path = new Set<string>();
  const visit = (id: string): void => {
    const kept = new Set<string>();
    causesOf.set(id, kept);
    path.add(id);
    for (const cause of links.get(id)?.causes ?? []) {
      if (!links.has(cause) || path.has(cause)) continue;
      kept.add(cause);
      if (!causesOf.has(cause)) visit(cause);
    }
    path.delete(id);
  };
  visit(start);
  return causesOf;
}

function latestFirst(a: RecordedEvent | undefined, b: RecordedEvent | undefined): number {
  const time = (b?.entry.occurredAt.getTime() ?? 0) - (a?.entry.occurredAt.getTime() ?? 0);
  if (time !== 0) return time;
  // Ids of one process count on within a millisecond.
  return (a?.entry.eventId ?? '') < (b?.entry.eventId ?? '') ? 1 : -1;
}
