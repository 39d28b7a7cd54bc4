import { Heap } from './heap.js';
import { Turns } from './turns.js';

/** What the queue must know of a request. It keeps `rowsTaken`, and nothing else of it is changed. */
export interface Queued {
  /** 1 is the most urgent. */
  readonly priority: number;
  readonly share: string;
  /** Requests of one key may run together. */
  readonly key: string;
  readonly alone: boolean;
  readonly rows: number;
  readonly bytes: number;
  /** Infinity where there is none. */
  readonly deadlineAt: number;
  rowsTaken: number;
}

/** Rows `from` to `to` (exclusive) of a request. */
export interface Part<T> {
  readonly request: T;
  readonly from: number;
  readonly to: number;
}

/** Requests that may run together, and why there are no more of them. */
export interface Taken<T> {
  readonly parts: Part<T>[];
  readonly rows: number;
  /** More of them wait than may run at once. */
  readonly isFull: boolean;
  /** Others wait that cannot run with these. */
  readonly isMixed: boolean;
}

interface Place<T> {
  readonly request: T;
  readonly order: number;
}

interface Lane<T> {
  readonly heap: Heap<Place<T>>;
  /** Of the heap; the others were taken or removed, and go when they come to its top. */
  waiting: number;
}

interface Share<T> {
  rows: number;
  requests: number;
  readonly lanes: Map<string, Lane<T>>;
}

interface Level<T> {
  readonly priority: number;
  rows: number;
  readonly shares: Map<string, Share<T>>;
  readonly turns: Turns<string>;
}

/** Past so many priorities those that nobody waits at are forgotten: clients may name any number. */
const levelsMax = 16;

/** Requests that must run by themselves, in a lane of their own. */
const aloneLane = '\0';

/**
 * The requests that wait for one model. The most urgent priority comes first; within it shares take turns by rows;
 * within a share the earliest deadline comes first.
 */
export class RequestQueue<T extends Queued> {
  readonly #levels: Level<T>[] = [];
  readonly #waiting = new Map<T, Place<T>>();
  #orders = 0;
  rows = 0;
  bytes = 0;

  get size(): number {
    return this.#waiting.size;
  }

  /** Priorities that are kept in mind. */
  get levels(): number {
    return this.#levels.length;
  }

  get requests(): Iterable<T> {
    return this.#waiting.keys();
  }

  push(request: T): void {
    const level = this.#levelOf(request.priority);
    let share = level.shares.get(request.share);
    if (!share) {
      share = { rows: 0, requests: 0, lanes: new Map() };
      level.shares.set(request.share, share);
    }
    const name = laneOf(request);
    let lane = share.lanes.get(name);
    if (!lane) {
      lane = { heap: new Heap(isBefore<T>), waiting: 0 };
      share.lanes.set(name, lane);
    }
    const place = { request, order: this.#orders++ };
    lane.heap.push(place);
    lane.waiting += 1;
    this.#waiting.set(request, place);
    this.#count(level, share, request.rows - request.rowsTaken);
    share.requests += 1;
    this.bytes += request.bytes;
    level.turns.add(request.share);
  }

  /** Whether it waited. Its place is free at once. */
  remove(request: T): boolean {
    if (!this.#waiting.delete(request)) return false;
    const level = this.#levelOf(request.priority);
    const share = level.shares.get(request.share) as Share<T>;
    this.#count(level, share, request.rowsTaken - request.rows);
    share.requests -= 1;
    this.bytes -= request.bytes;
    const lane = share.lanes.get(laneOf(request)) as Lane<T>;
    lane.waiting -= 1;
    if (lane.heap.size > 64 && lane.heap.size > 2 * lane.waiting)
      lane.heap.filter((place) => this.#waiting.get(place.request) === place);
    return true;
  }

  /**
   * The next requests that may run together, `rowsMax` rows at most. A request of more rows is taken in parts and
   * keeps its place. `fit` says how many rows may run together with a request so that it is in time; one for which that is
   * 0 is told to `onLate` and taken out instead.
   */
  take(
    rowsMax: number,
    fit: (request: T) => number = () => Number.POSITIVE_INFINITY,
    onLate: (request: T) => void = () => undefined,
  ): Taken<T> {
    const parts: Part<T>[] = [];
    let lane: string | undefined;
    let rows = 0;
    let most = rowsMax;
    let isFull = false;
    let isMixed = false;
    for (const level of this.#levels) {
      const passedOver: string[] = [];
      while (rows < most && lane !== aloneLane) {
        const name = level.turns.next();
        if (name === undefined) break;
        const share = level.shares.get(name);
        const request = share && this.#head(share, lane);
        if (!share || !request) {
          if (share && share.requests > 0) {
            isMixed = true;
            passedOver.push(name);
          } else level.shares.delete(name);
          continue;
        }
        const fitting = fit(request);
        if (fitting === 0) {
          this.remove(request);
          onLate(request);
          level.turns.add(name);
          continue;
        }
        const left = request.rows - request.rowsTaken;
        const isSplit = request.rows > rowsMax && !request.alone;
        const allowed = Math.max(1, Math.min(most, fitting));
        if (parts.length > 0 && rows + (isSplit ? 1 : left) > allowed) {
          isFull = true;
          passedOver.push(name);
          continue;
        }
        lane ??= laneOf(request);
        const part = isSplit ? Math.min(left, allowed - rows) : left;
        most = allowed;
        parts.push({ request, from: request.rowsTaken, to: request.rowsTaken + part });
        rows += part;
        this.#taken(level, share, request, part);
        level.turns.charge(name, part);
        level.turns.add(name);
      }
      for (const name of passedOver) level.turns.add(name);
    }
    return { parts, rows, isFull: isFull || (rows >= most && this.size > 0), isMixed };
  }

  /** Infinity where nothing that waits has one. */
  earliestDeadline(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { shares } of this.#levels)
      for (const share of shares.values())
        earliest = Math.min(earliest, this.#head(share, undefined)?.deadlineAt ?? earliest);
    return earliest;
  }

  /** Rows that will be taken before a request of this priority and share that came now, about. */
  rowsAhead(priority: number, shareName: string): number {
    let rows = 0;
    for (const level of this.#levels) {
      if (level.priority < priority) rows += level.rows;
      if (level.priority !== priority) continue;
      const own = level.shares.get(shareName)?.rows ?? 0;
      rows += Math.min(level.rows, (own + 1) * (level.turns.waiting + 1));
    }
    return rows;
  }

  /**
   * Who has to go for this request where the queue is full: the latest deadline of the lowest priority below its own;
   * where there is none, of the share of its own priority that holds the most rows, if that is more than its own share
   * would hold (longest queue drop; Suter et al. 1998). Undefined: the request itself.
   */
  victimFor({ priority, share, rows }: Pick<T, 'priority' | 'share' | 'rows'>): T | undefined {
    const lowest = this.#levels.findLast((level) => level.rows > 0);
    if (!lowest || lowest.priority < priority) return undefined;
    if (lowest.priority > priority) return this.#latest([...lowest.shares.values()]);
    const own = (lowest.shares.get(share)?.rows ?? 0) + rows;
    let longest: Share<T> | undefined;
    for (const other of lowest.shares.values())
      if (other.rows > own && other.rows > (longest?.rows ?? 0)) longest = other;
    return longest && this.#latest([longest]);
  }

  #latest(shares: readonly Share<T>[]): T | undefined {
    let latest: Place<T> | undefined;
    for (const { lanes } of shares)
      for (const { heap } of lanes.values())
        for (const place of heap.items) {
          if (this.#waiting.get(place.request) !== place || place.request.rowsTaken > 0) continue;
          if (!latest || isBefore(latest, place)) latest = place;
        }
    return latest?.request;
  }

  /** The earliest deadline of the lane, or of all lanes. */
  #head(share: Share<T>, lane: string | undefined): T | undefined {
    if (lane !== undefined) return this.#top(share, lane)?.request;
    let head: Place<T> | undefined;
    for (const name of share.lanes.keys()) {
      const top = this.#top(share, name);
      if (top && (!head || isBefore(top, head))) head = top;
    }
    return head?.request;
  }

  #top(share: Share<T>, name: string): Place<T> | undefined {
    const heap = share.lanes.get(name)?.heap;
    if (!heap) return undefined;
    for (let top = heap.peek(); top; top = heap.peek()) {
      if (this.#waiting.get(top.request) === top) return top;
      heap.pop();
    }
    share.lanes.delete(name);
    return undefined;
  }

  #taken(level: Level<T>, share: Share<T>, request: T, rows: number): void {
    request.rowsTaken += rows;
    this.#count(level, share, -rows);
    if (request.rowsTaken < request.rows) return;
    this.#waiting.delete(request);
    share.requests -= 1;
    this.bytes -= request.bytes;
    const lane = share.lanes.get(laneOf(request));
    if (lane) lane.waiting -= 1;
  }

  #count(level: Level<T>, share: Share<T>, rows: number): void {
    this.rows += rows;
    level.rows += rows;
    share.rows += rows;
  }

  #levelOf(priority: number): Level<T> {
    const at = this.#levels.findIndex((level) => level.priority >= priority);
    const found = this.#levels[at];
    if (found?.priority === priority) return found;
    if (this.#levels.length >= levelsMax) this.#forgetLevels();
    const level: Level<T> = { priority, rows: 0, shares: new Map(), turns: new Turns() };
    const next = this.#levels.findIndex((other) => other.priority > priority);
    this.#levels.splice(next < 0 ? this.#levels.length : next, 0, level);
    return level;
  }

  #forgetLevels(): void {
    const waited = this.#levels.filter(({ shares }) =>
      [...shares.values()].some((share) => share.requests > 0),
    );
    this.#levels.splice(0, this.#levels.length, ...waited);
  }
}

function laneOf({ alone, key }: Queued): string {
  return alone ? aloneLane : key;
}

function isBefore<T extends Queued>(a: Place<T>, b: Place<T>): boolean {
  return (
    a.request.deadlineAt < b.request.deadlineAt ||
    (a.request.deadlineAt === b.request.deadlineAt && a.order < b.order)
  );
}
