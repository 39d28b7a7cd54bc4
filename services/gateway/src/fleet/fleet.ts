import {
  type LoadModelResponse,
  Placement,
  type ReplicaAnnounced,
  type Route,
  type ServeSettings,
} from '@perennial/contracts';
import { unavailable } from '@perennial/kernel';
import { rowsOf, type Tensor } from '@perennial/runtime';
import { edgeName } from '../edge/edge.js';
import type { EdgePlaces } from '../edge/edge-places.js';
import type { Inference, InferOptions, Inferred, ModelAsked } from '../inference.js';
import { SlowWatch } from './decide/slow-watch.js';
import { Dispatch, type DispatchEvents, whileWanted } from './dispatch.js';
import { JointInference } from './joint.js';
import { fleetLimits } from './limits.js';
import { Member, type MemberOptions, type MemberView } from './member.js';
import { defaultPool, Pool } from './pool.js';
import { type HeldModels, mergeModels, type ReplicaModels } from './statistics.js';

/** A model that deployments want served, and what its load showed. */
export interface WantedModel {
  readonly name: string;
  readonly route: Route;
  readonly pool: string;
  readonly serve: ServeSettings | undefined;
  /** What a replica said when it loaded it; undefined where none did yet. */
  loaded: LoadModelResponse | undefined;
}

/** A model that deployments want, and where it is answered. */
export interface PlacedModel {
  readonly name: string;
  readonly version: number;
  readonly digest: string;
  readonly pool: string;
  /** "edge", or ids of replicas. */
  readonly where: readonly string[];
}

export interface FleetOptions {
  /** Connects to a replica at this address. */
  readonly dial: (address: string) => MemberOptions['calls'];
  readonly events: DispatchEvents;
  readonly onConnection: MemberOptions['onConnection'];
  readonly onGone: (member: Member) => void;
  /** Runs some models in this process; absent where none may. */
  readonly places?: EdgePlaces | undefined;
  /** In [0, 1). */
  readonly random?: () => number;
}

/**
 * Every replica of inference that this gateway knows, by pool. Replicas come by their announcements, or are configured;
 * they go when they drain or fall silent.
 */
export class Fleet implements Inference {
  readonly #o: FleetOptions;
  readonly #random: () => number;
  readonly #members = new Map<string, Member>();
  readonly #pools = new Map<string, Pool>();
  /** By name and digest: two names may have the same file, and be served otherwise. */
  readonly #wanted = new Map<string, WantedModel>();
  readonly #dispatch: Dispatch;
  readonly #joint: JointInference;
  readonly #slow = new Map<string, SlowWatch>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: FleetOptions) {
    this.#o = options;
    this.#random = options.random ?? Math.random;
    this.#dispatch = new Dispatch(options.events, this.#random);
    this.#joint = new JointInference(this.#dispatch);
    this.#timer = setInterval(() => this.#look(), fleetLimits.slowLookMs);
    this.#timer.unref();
  }

  /** Adds a replica that is named in the settings; it stays a member while it is away. */
  configure(address: string, id: string): void {
    this.#join({ address, id, pool: defaultPool, isConfigured: true });
  }

  /** A replica said that it is there, or that it drains. */
  announced(word: ReplicaAnnounced): void {
    const { address, replicaId: id, pool, draining } = word;
    const known = this.#members.get(address);
    if (!known && draining) return;
    const member = known ?? this.#join({ address, id, pool, isConfigured: false });
    const before = member.pool;
    member.announced(word, performance.now());
    if (before !== member.pool) this.#changed();
  }

  /** @throws PlatformError as JointInference.infer; INFERENCE_UNAVAILABLE where too many wait for a first replica */
  async infer(model: ModelAsked, inputs: readonly Tensor[], options: InferOptions): Promise<Inferred> {
    const { digest } = model.route;
    const { places } = this.#o;
    if (places?.serves(digest) && model.serve?.place !== Placement.POOL) {
      const inferred =
        places.inferNow(model, inputs, options) ?? (await places.infer(model, inputs, options));
      if (inferred) return inferred;
    }
    const pool = this.#pool(model.pool);
    const isBatchable = this.#wanted.get(keyOf(model.name, digest))?.loaded?.joinable ?? false;
    const release = pool.admit(rowsOf(inputs), options.deadlineAt);
    if (!release) return this.#joint.infer(model, pool, inputs, isBatchable, options);
    try {
      // Whoever goes away while nobody is there gives the place to another.
      return await whileWanted(this.#joint.infer(model, pool, inputs, isBatchable, options), options.signal);
    } finally {
      release();
    }
  }

  /** The answer of a kernel in this process; undefined where infer() must be asked. */
  inferNow(model: ModelAsked, inputs: readonly Tensor[], options: InferOptions): Inferred | undefined {
    const { places } = this.#o;
    if (!places?.serves(model.route.digest) || model.serve?.place === Placement.POOL) return undefined;
    return places.inferNow(model, inputs, options);
  }

  /** @throws PlatformError QUEUE_EXHAUSTED */
  checkRoom(model: ModelAsked, share: string): void {
    const { digest } = model.route;
    if (this.#o.places?.serves(digest) && model.serve?.place !== Placement.POOL) return;
    this.#joint.checkRoom(this.#pool(model.pool), digest, share);
  }

  /**
   * Has the model loaded by every replica of the pool, and then here where it belongs here; resolves when the first
   * replica has it and it is where it belongs.
   *
   * @throws PlatformError INFERENCE_UNAVAILABLE where no replica is up, or why the first replica could not load it
   */
  async load(name: string, route: Route, pool: string, serve: ServeSettings | undefined): Promise<void> {
    const { digest, version, signature } = route;
    const key = keyOf(name, digest);
    const known = this.#wanted.get(key)?.loaded;
    const model: WantedModel = { name, route, pool: pool || defaultPool, serve, loaded: known };
    this.#wanted.set(key, model);
    const members = this.#pool(pool).usable();
    if (members.length === 0) {
      throw unavailable('INFERENCE_UNAVAILABLE', `no replica of pool '${pool || defaultPool}' is up yet`);
    }
    const request = {
      model: name,
      version,
      digest,
      signature,
      // Replicas follow the deployments themselves, and unpin what no longer is one.
      pinned: false,
      queueRowsMax: serve?.queueRowsMax ?? 0,
      preferredBatch: serve?.preferredBatch ?? [],
    };
    try {
      model.loaded = await Promise.any(members.map((member) => member.load(request)));
    } catch (thrown) {
      throw thrown instanceof AggregateError ? thrown.errors[0] : thrown;
    }
    await this.#place(digest);
  }

  /** These are what deployments want; anything else that was loaded here is no longer kept in mind. */
  keep(models: Iterable<{ readonly name: string; readonly digest: string }>): void {
    const kept = new Set(Array.from(models, ({ name, digest }) => keyOf(name, digest)));
    for (const [key, { route }] of [...this.#wanted]) {
      if (kept.has(key)) continue;
      this.#wanted.delete(key);
      if (this.#wantedAs(route.digest).length === 0) this.#forget(route.digest);
    }
  }

  /** Has every replica give the model's memory back, unless another name has the same file. */
  async unload(name: string, digest: string): Promise<void> {
    this.#wanted.delete(keyOf(name, digest));
    if (this.#wantedAs(digest).length > 0) return;
    this.#forget(digest);
    await Promise.all(
      this.#all()
        .filter((member) => member.isConnected)
        .map((member) => member.unload(digest)),
    );
  }

  /** Whether somebody has it loaded. */
  isReady(digest: string): boolean {
    return this.where(digest).length > 0;
  }

  /** Where requests for it are answered: "edge", or the ids of the replicas that have it. */
  where(digest: string): string[] {
    if (this.#o.places?.serves(digest)) return [edgeName];
    return this.#all()
      .filter((member) => member.isUsable && member.holds(digest))
      .map(({ id }) => id);
  }

  /** Whether anybody could answer for this pool. */
  hasReplicas(pool: string): boolean {
    return !this.#pool(pool).isEmpty;
  }

  replicas(): MemberView[] {
    const now = performance.now();
    return this.#all().map((member) => member.view(now));
  }

  models(): PlacedModel[] {
    return [...this.#wanted.values()].map(({ name, route, pool }) => {
      const { version, digest } = route;
      return { name, version, digest, pool, where: this.where(digest) };
    });
  }

  /** Rows that wait for a first replica, by pool. */
  waitingRows(): ReadonlyMap<string, number> {
    return new Map([...this.#pools.values()].map(({ name, rowsWaiting }) => [name, rowsWaiting]));
  }

  /** What every replica that answers says of its models, and what runs here, merged by digest. */
  async statistics(): Promise<ReplicaModels[]> {
    const members = this.#all().filter((member) => member.isConnected);
    const asked = await Promise.allSettled(members.map((member) => member.ping()));
    const held: HeldModels[] = asked.flatMap((answer, at) =>
      answer.status === 'fulfilled'
        ? [{ replica: (members[at] as Member).id, models: answer.value.models }]
        : [],
    );
    return mergeModels([...held, ...(this.#o.places ? [this.#o.places.held()] : [])]);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const member of this.#members.values()) member.close();
    this.#members.clear();
    await this.#o.places?.close();
  }

  #all(): Member[] {
    return [...this.#members.values()];
  }

  #pool(name: string): Pool {
    const key = name || defaultPool;
    let pool = this.#pools.get(key);
    if (!pool) {
      pool = new Pool({
        name: key,
        members: () => this.#all().filter((member) => (member.pool || defaultPool) === key),
        random: this.#random,
      });
      this.#pools.set(key, pool);
    }
    return pool;
  }

  #join(o: Pick<MemberOptions, 'address' | 'id' | 'pool' | 'isConfigured'>): Member {
    const member = new Member(
      {
        ...o,
        calls: this.#o.dial(o.address),
        onChange: () => this.#changed(),
        onConnection: this.#o.onConnection,
      },
      performance.now(),
    );
    this.#members.set(o.address, member);
    return member;
  }

  #leave(member: Member): void {
    this.#members.delete(member.address);
    member.close();
    this.#changed();
    this.#o.onGone(member);
  }

  #changed(): void {
    for (const pool of this.#pools.values()) pool.changed();
  }

  /** A file runs here as long as one of those who want it may have it so. */
  async #place(digest: string): Promise<void> {
    const models = this.#wantedAs(digest).filter(({ loaded }) => loaded);
    const asked = (place: Placement) => models.find(({ serve }) => serve?.place === place);
    const open = models.find(({ serve }) => serve?.place !== Placement.POOL);
    const model = asked(Placement.EDGE) ?? open ?? models[0];
    if (model) await this.#o.places?.place(model);
  }

  #wantedAs(digest: string): WantedModel[] {
    return [...this.#wanted.values()].filter(({ route }) => route.digest === digest);
  }

  #forget(digest: string): void {
    this.#forgetNow(digest);
    // What was under way may teach something about it once more.
    const again = () => {
      if (this.#wantedAs(digest).length === 0) this.#forgetNow(digest);
    };
    setTimeout(again, fleetLimits.drainMsMax).unref();
  }

  #forgetNow(digest: string): void {
    this.#dispatch.forget(digest);
    this.#joint.forget(digest);
    this.#o.places?.forget(digest);
    for (const member of this.#members.values()) member.forget(digest);
  }

  /** Once a second: who is silent, who is slow, and what belongs elsewhere by now. */
  #look(): void {
    const now = performance.now();
    for (const member of this.#all()) {
      if (member.isConfigured || now - member.heardAt < fleetLimits.announcedWithinMs) continue;
      // The bus may be what is silent: the replica itself is asked.
      member.heardAt = now;
      member.ping().catch(() => {
        if (this.#members.get(member.address) === member) this.#leave(member);
      });
    }
    for (const pool of this.#pools.values()) this.#lookForSlow(pool, now);
    for (const digest of new Set([...this.#wanted.values()].map(({ route }) => route.digest)))
      void this.#place(digest);
  }

  #lookForSlow(pool: Pool, now: number): void {
    const able = pool.usable().filter(({ circuit }) => circuit.state(now) === 'closed');
    const slowness = new Map<string, number>();
    for (const member of able) {
      const median = member.slowness(now);
      if (median !== undefined) slowness.set(member.address, median);
    }
    let watch = this.#slow.get(pool.name);
    if (!watch) {
      watch = new SlowWatch(fleetLimits.slowWatch);
      this.#slow.set(pool.name, watch);
    }
    for (const address of watch.look(slowness)) {
      const member = this.#members.get(address);
      if (!member) continue;
      member.circuit.open(now, this.#random());
      this.#o.events.onEjected(member, 'slower than the others');
    }
  }
}

function keyOf(name: string, digest: string): string {
  return `${name} ${digest}`;
}
