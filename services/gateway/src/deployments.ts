import { type DeploymentUpdated, type Route, RouteRole, type SystemApplied } from '@perennial/contracts';
import { asPlatformError, notFound, PlatformError } from '@perennial/kernel';
import { replaces } from './decide/route.js';
import { type SystemSource, systemSource } from './decide/system-source.js';

/** What is served now, and where its rows have their time and key. */
export interface Serving {
  readonly deployment: DeploymentUpdated;
  readonly source: SystemSource;
}

export interface DeploymentsOptions {
  /** Resolves when the model can answer: loaded by a replica of the deployment's pool. */
  readonly load: (deployment: DeploymentUpdated, route: Route) => Promise<unknown>;
  /** Whether the pool has a replica at all. */
  readonly isPoolUp: (pool: string) => boolean;
  readonly onSwitch: (deployment: DeploymentUpdated) => void;
  /** Told when loading a new epoch's models failed; it is tried again. `attempt` counts from 1. */
  readonly onLoadFailed: (deployment: DeploymentUpdated, attempt: number, error: unknown) => void;
}

const loadRetryDelayMs = 200;
/** A file that no replica can load is tried again all the same: another release of inference may be able to. */
const brokenRetryDelayMs = 30_000;

interface FailedLoad {
  readonly version: number;
  readonly error: PlatformError;
  /** By the file's own fault: it will fail again. */
  readonly isBroken: boolean;
  /** The others may take over without it. */
  readonly isHarmless: boolean;
}

/**
 * What each system serves. A new epoch takes over only when a replica of its pool has loaded every model of it; until
 * then the old one goes on, so that no request meets a model that is not there. Where there is no old one and the pool
 * has no replica, it takes over at once: the requests that wait for it are what a replica is started for. A version that
 * cannot be loaded keeps no other from answering: without an old epoch those that can be are served, and a shadow whose
 * file is broken holds no epoch up.
 */
export class Deployments {
  readonly #options: DeploymentsOptions;
  readonly #serving = new Map<string, Serving>();
  /** The newest epoch that was heard of, served already or not. */
  readonly #newest = new Map<string, DeploymentUpdated>();
  /** Why the newest epoch of a system is not served, where a file of it is at fault. */
  readonly #broken = new Map<string, { readonly epoch: bigint; readonly why: string }>();
  readonly #sources = new Map<string, SystemSource>();
  readonly #watchers = new Set<() => void>();
  #isCaughtUp = false;

  constructor(options: DeploymentsOptions) {
    this.#options = options;
  }

  /** True once everything that was told before the start of this process has been heard. */
  get isCaughtUp(): boolean {
    return this.#isCaughtUp;
  }

  /** Epochs that are heard of and not served yet. */
  get switching(): number {
    let count = 0;
    for (const [system, newest] of this.#newest)
      if (this.#serving.get(system)?.deployment.epoch !== newest.epoch) count += 1;
    return count;
  }

  caughtUp(): void {
    this.#isCaughtUp = true;
    this.#changed();
  }

  systems(): string[] {
    return [...this.#sources.keys()];
  }

  source(system: string): SystemSource | undefined {
    return this.#sources.get(system);
  }

  current(system: string): Serving | undefined {
    return this.#serving.get(system);
  }

  /** The newest epoch that was heard of, served already or not. */
  newest(system: string): DeploymentUpdated | undefined {
    return this.#newest.get(system);
  }

  /** Why this epoch cannot be served, in words; undefined where it is served, about to be, or not the newest. */
  whyNot(system: string, epoch = this.#newest.get(system)?.epoch): string | undefined {
    const broken = this.#broken.get(system);
    return broken?.epoch === epoch ? broken?.why : undefined;
  }

  /** All models that are served or about to be. */
  models(): { name: string; digest: string }[] {
    const serving = [...this.#serving.values()].map((one) => one.deployment);
    return [...this.#newest.values(), ...serving].flatMap(({ system: name, routes }) =>
      routes.map(({ digest }) => ({ name, digest })),
    );
  }

  /** The epoch that is served; -1 where nothing is. */
  epoch(system: string): bigint {
    return this.#serving.get(system)?.deployment.epoch ?? -1n;
  }

  systemApplied({ system, specJson }: SystemApplied): void {
    this.#sources.set(system, systemSource(specJson));
    this.#changed();
  }

  /** Takes a new epoch over, in the background. An epoch that is not newer changes nothing. */
  updated(deployment: DeploymentUpdated): void {
    const { system } = deployment;
    if (!replaces(deployment, this.#newest.get(system))) return;
    const source = systemSource(deployment.specJson);
    this.#newest.set(system, deployment);
    this.#broken.delete(system);
    if (!this.#sources.has(system)) this.#sources.set(system, source);
    void this.#switchTo({ deployment, source });
  }

  /**
   * What a system serves; waits for it where it must be about to come, and not for what no replica can load.
   * `deadlineAt` is on performance.now().
   *
   * @throws PlatformError SYSTEM_NOT_FOUND, SYSTEM_NOT_SERVING
   */
  async find(system: string, deadlineAt: number): Promise<Serving> {
    await this.#until(
      () =>
        this.#serving.has(system) ||
        this.#broken.has(system) ||
        (this.#isCaughtUp && !this.#newest.has(system)),
      deadlineAt,
    );
    const serving = this.#serving.get(system);
    if (serving) return serving;
    if (this.#isCaughtUp && !this.#sources.has(system)) {
      throw unknownSystem(system);
    }
    const why = this.whyNot(system);
    throw new PlatformError(
      'SYSTEM_NOT_SERVING',
      'dependency',
      'after',
      why === undefined
        ? `'${system}' serves no model yet: its first one is still to be trained, or to be loaded`
        : `'${system}' serves no model: ${why}; bring a version that can be loaded, and promote it`,
      { retryAfterMs: why === undefined ? 1_000 : brokenRetryDelayMs },
    );
  }

  /** Whether this epoch or a later one is served, within the given time, or as soon as it is known that it cannot be. */
  async serves(system: string, epoch: bigint, withinMs: number): Promise<boolean> {
    const isServed = () => this.epoch(system) >= epoch;
    await this.#until(
      () => isServed() || this.whyNot(system, epoch) !== undefined,
      performance.now() + withinMs,
    );
    return isServed();
  }

  async #switchTo(next: Serving): Promise<void> {
    const { deployment } = next;
    const { system, epoch, routes } = deployment;
    const isNewest = () => this.#newest.get(system)?.epoch === epoch;
    for (let attempt = 1; isNewest(); attempt++) {
      const loads = await Promise.allSettled(routes.map((route) => this.#options.load(deployment, route)));
      const failed = routes.flatMap((route, at): FailedLoad[] => {
        const load = loads[at] as PromiseSettledResult<unknown>;
        return load.status === 'rejected' ? [this.#failedLoad(system, route, load.reason)] : [];
      });
      const mayServe =
        failed.every(({ isHarmless }) => isHarmless) || this.#isBetterThanNothing(deployment, failed);
      if (isNewest() && mayServe) this.#serve(next);
      if (failed.length === 0) return;
      if (isNewest()) this.#noteBroken(deployment, failed);
      for (const { error } of failed.slice(0, 1)) this.#options.onLoadFailed(deployment, attempt, error);
      const delayMs = failed.every(({ isBroken }) => isBroken) ? brokenRetryDelayMs : loadRetryDelayMs;
      if (isNewest()) await new Promise((resolve) => setTimeout(resolve, delayMs).unref());
    }
  }

  /** Told to those who wait for an epoch and to those who ask: a broken file stays one, and only its log would say so. */
  #noteBroken({ system, epoch }: DeploymentUpdated, failed: readonly FailedLoad[]): void {
    const broken = failed.find(({ isBroken }) => isBroken);
    if (!broken || this.epoch(system) === epoch) return;
    const { code, message } = broken.error;
    this.#broken.set(system, {
      epoch,
      why: `version ${broken.version} cannot be loaded: ${message} (${code})`,
    });
    this.#changed();
  }

  #failedLoad(system: string, route: Route, reason: unknown): FailedLoad {
    const error = asPlatformError(reason);
    const isBroken = error.retry === 'never';
    const { role, weight, digest, version } = route;
    const isBeside = role === RouteRole.SHADOW || (role === RouteRole.VARIANT && weight === 0);
    // What is served already and broken is no reason to go on with what is served already.
    const isServed = this.#serving.get(system)?.deployment.routes.some((one) => one.digest === digest);
    return { version, error, isBroken, isHarmless: isBroken && (isBeside || isServed === true) };
  }

  #isBetterThanNothing({ system, pool, routes }: DeploymentUpdated, failed: readonly FailedLoad[]): boolean {
    if (this.#serving.has(system)) return false;
    return failed.length < routes.length || !this.#options.isPoolUp(pool);
  }

  #serve(next: Serving): void {
    const { system } = next.deployment;
    if (this.#serving.get(system) === next) return;
    this.#serving.set(system, next);
    this.#broken.delete(system);
    this.#sources.set(system, next.source);
    this.#options.onSwitch(next.deployment);
    this.#changed();
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /** Resolves when the condition holds or the deadline has passed. */
  async #until(condition: () => boolean, deadlineAt: number): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        resolve();
      };
      const look = () => {
        if (condition()) done();
      };
      const timer = setTimeout(done, Math.max(0, deadlineAt - performance.now()));
      this.#watchers.add(look);
    });
  }
}

/** In the words that clients of the Open Inference Protocol look for. */
export function unknownSystem(system: string): PlatformError {
  return notFound(
    'SYSTEM_NOT_FOUND',
    `Request for unknown model: '${system}' is not found; GET /v1/models lists what there is`,
    { field: 'system' },
  );
}
