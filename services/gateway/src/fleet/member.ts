import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  GetReplicaResponse,
  LoadModelRequestSchema,
  LoadModelResponse,
  ReplicaAnnounced,
  ServeResponse,
} from '@perennial/contracts';
import { Circuit, type CircuitState } from './decide/circuit.js';
import { LatencyWindow } from './decide/latency-window.js';
import { PeakEwma } from './decide/peak-ewma.js';
import { type Standing, slowStartWeight } from './decide/pick.js';
import { slownessOf } from './decide/slow-watch.js';
import { fleetLimits } from './limits.js';
import { Replica, type ReplicaCalls, type Sent } from './replica.js';

export interface MemberOptions {
  /** host:port; two announcements of one address are one member. */
  readonly address: string;
  readonly id: string;
  readonly pool: string;
  /** Named in the settings: stays a member whatever it announces. */
  readonly isConfigured: boolean;
  readonly calls: ReplicaCalls & { close(): void };
  /** Something changed that decides who may be asked. */
  readonly onChange: (member: Member) => void;
  /** Its stream came, or was lost; without an error where the replica ended it. */
  readonly onConnection: (member: Member, isConnected: boolean, error?: unknown) => void;
}

/** How a member is seen from outside. */
export interface MemberView {
  readonly id: string;
  readonly address: string;
  readonly pool: string;
  readonly state: 'away' | 'draining' | CircuitState;
  readonly inFlight: number;
  readonly rowsWaiting: number;
  readonly utilisation: number;
  readonly models: number;
}

/** A replica as the fleet knows it: its stream, what it holds, how it does. Times are on performance.now(). */
export class Member {
  readonly address: string;
  readonly isConfigured: boolean;
  readonly circuit = new Circuit(fleetLimits.circuit);
  id: string;
  pool: string;
  /** When it was last announced, or answered to a ping instead. */
  heardAt: number;
  readonly #replica: Replica;
  readonly #o: MemberOptions;
  readonly #latencies = new Map<string, PeakEwma>();
  #slowness = new LatencyWindow(fleetLimits.slowLookMs);
  #models = new Set<string>();
  #isDraining = false;
  #slots = 1;
  #connectedAt = 0;
  #report = { rowsWaiting: 0, utilisation: 0, at: Number.NEGATIVE_INFINITY };

  constructor(options: MemberOptions, now: number) {
    this.#o = options;
    this.address = options.address;
    this.id = options.id;
    this.pool = options.pool;
    this.isConfigured = options.isConfigured;
    this.heardAt = now;
    this.#replica = new Replica(options.calls, {
      onConnected: (self) => this.#connected(self),
      onLost: (error) => {
        this.#changed();
        options.onConnection(this, false, error);
      },
      onAnswer: (response) => this.#reported(response),
    });
  }

  /** Requests may go there. */
  get isUsable(): boolean {
    return this.#replica.isConnected && !this.#isDraining;
  }

  get isConnected(): boolean {
    return this.#replica.isConnected;
  }

  get rowsInFlight(): number {
    return this.#replica.rowsInFlight;
  }

  /** Batches that it runs at the same time. */
  get slots(): number {
    return this.#slots;
  }

  holds(digest: string): boolean {
    return this.#models.has(digest);
  }

  utilisation(now: number): number {
    return now - this.#report.at < fleetLimits.reportMsMax ? this.#report.utilisation : 0;
  }

  /** What it would cost to ask it now. */
  standing(digest: string, now: number): Standing {
    const isFresh = now - this.#report.at < fleetLimits.reportMsMax;
    const latencyMs = this.#latencies.get(digest)?.value(now) ?? 0;
    return {
      rowsInFlight: this.#replica.rowsInFlight,
      rowsReported: isFresh ? this.#report.rowsWaiting : 0,
      // An answer that is still owed says as much as one that came late.
      latencyMs: Math.max(latencyMs, this.#replica.oldestMs(now)),
      weight: slowStartWeight(now - this.#connectedAt, fleetLimits.slowStartMs),
    };
  }

  send(message: Parameters<Replica['send']>[0], rows: number, deadlineAt: number): Sent {
    return this.#replica.send(message, rows, deadlineAt);
  }

  /** An answer came. `usualMs` is what the model takes on all replicas, where that is known. */
  answered(digest: string, tookMs: number, usualMs: number | undefined, now: number): void {
    let latency = this.#latencies.get(digest);
    if (!latency) {
      latency = new PeakEwma(fleetLimits.latencyHalfLifeMs);
      this.#latencies.set(digest, latency);
    }
    latency.add(tookMs, now);
    this.#slowness.add(slownessOf(tookMs, usualMs), now);
    this.#models.add(digest);
  }

  /** By how much its latest answers were slower than usual, in the median, where there were enough. */
  slowness(now: number): number | undefined {
    return this.#slowness.quantile(0.5, now, fleetLimits.slowSamplesMin);
  }

  async load(request: MessageInitShape<typeof LoadModelRequestSchema>): Promise<LoadModelResponse> {
    const loaded = await this.#replica.load(request);
    this.#models.add(request.digest ?? '');
    this.#changed();
    return loaded;
  }

  async unload(digest: string): Promise<void> {
    this.forget(digest);
    await this.#replica.unload(digest);
  }

  /** It is no longer wanted; whether it is still there is the replica's affair. */
  forget(digest: string): void {
    this.#models.delete(digest);
    this.#latencies.delete(digest);
  }

  ping(): Promise<GetReplicaResponse> {
    return this.#replica.ping();
  }

  announced(word: ReplicaAnnounced, now: number): void {
    this.heardAt = now;
    const wasUsable = this.isUsable;
    this.id = word.replicaId || this.id;
    this.pool = word.pool || this.pool;
    this.#isDraining = word.draining;
    this.#slots = Math.max(1, word.slots);
    this.#models = new Set(word.models);
    this.#report = { rowsWaiting: word.rowsWaiting, utilisation: word.utilisation, at: now };
    if (wasUsable !== this.isUsable) this.#changed();
  }

  /** It said so with an answer, before its announcement came: it gets nothing more. */
  drains(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#changed();
  }

  close(): void {
    this.#replica.close();
    this.#o.calls.close();
  }

  view(now: number): MemberView {
    const state = this.#isDraining ? 'draining' : this.circuit.state(now);
    return {
      id: this.id,
      address: this.address,
      pool: this.pool,
      state: this.isConnected ? state : 'away',
      inFlight: this.#replica.inFlight,
      rowsWaiting: this.#report.rowsWaiting,
      utilisation: this.#report.utilisation,
      models: this.#models.size,
    };
  }

  #connected(self: GetReplicaResponse): void {
    this.id = self.replicaId || this.id;
    this.pool = self.pool || this.pool;
    // A process that starts anew has nothing in common with the one that drained or failed at this address.
    this.#isDraining = self.draining;
    this.#slots = Math.max(1, self.slots);
    this.#models = new Set(self.models.map(({ digest }) => digest));
    this.#latencies.clear();
    this.#slowness = new LatencyWindow(fleetLimits.slowLookMs);
    this.#connectedAt = performance.now();
    this.#changed();
    this.#o.onConnection(this, true);
  }

  #reported({ rowsWaiting, utilisation }: ServeResponse): void {
    this.#report = { rowsWaiting, utilisation, at: performance.now() };
  }

  #changed(): void {
    this.#o.onChange(this);
  }
}
