import type { Log } from '@perennial/bus';
import type { DeploymentUpdated } from '@perennial/contracts';
import { asPlatformError } from '@perennial/kernel';
import { inferenceLimits } from './limits.js';
import type { Models } from './models.js';

/** Of deployments that name none. */
const defaultPool = 'cpu';

/**
 * Loads what is deployed in a pool before anybody asks for it, and pins what is declared so. A load that fails is tried again for
 * as long as the deployment stands, unless the file itself is at fault. What was deployed before the start takes nobody's
 * place: there may be more of it than memory for it, and each is loaded when it is asked for.
 */
export class DeployedModels {
  readonly #models: Models;
  readonly #log: Log;
  readonly #stopping: AbortSignal;
  readonly #pool: string;
  /** Until all that was deployed before is known. */
  isCatchingUp = true;
  readonly #newest = new Map<string, DeploymentUpdated>();

  constructor({
    models,
    log,
    stopping,
    pool,
  }: {
    models: Models;
    log: Log;
    stopping: AbortSignal;
    /** Of this replica; what is deployed in another is loaded there. */
    pool: string;
  }) {
    this.#pool = pool;
    this.#models = models;
    this.#log = log;
    this.#stopping = stopping;
  }

  /** Takes a deployment over. One that is not newer than what is known changes nothing. */
  updated(deployment: DeploymentUpdated): void {
    const known = this.#newest.get(deployment.deployment);
    if (known && known.epoch >= deployment.epoch) return;
    this.#newest.set(deployment.deployment, deployment);
    this.#models.runtime.pin(
      [...this.#newest.values()]
        .filter(({ serve }) => serve?.pinned)
        .flatMap((one) => this.#wantedRoutes(one).map(({ digest }) => digest)),
    );
    for (const { version, digest } of this.#wantedRoutes(deployment))
      void this.#load(deployment, version, digest);
  }

  /** What is taken out of service keeps its routes, and needs no memory meanwhile; a graph has no file of its own. */
  #wantedRoutes({ routes, unloaded, pool }: DeploymentUpdated): DeploymentUpdated['routes'] {
    const isHere = (pool || defaultPool) === this.#pool;
    return unloaded || !isHere ? [] : routes.filter(({ graph }) => !graph);
  }

  async #load(deployment: DeploymentUpdated, version: number, digest: string): Promise<void> {
    const isWanted = () => this.#newest.get(deployment.deployment) === deployment && !this.#stopping.aborted;
    const model = deployment.system;
    const signature = deployment.routes.find((route) => route.version === version)?.signature;
    const { pinned = false, preferredBatch = [], queueRowsMax = 0 } = deployment.serve ?? {};
    const onlyIfRoom = this.isCatchingUp && !pinned;
    const options = { name: model, version, signature, preferredBatch, queueRowsMax, onlyIfRoom };
    let delayMs: number = inferenceLimits.loadRetryDelayMs;
    while (isWanted()) {
      try {
        await this.#models.load(digest, options);
        this.#log.debug('model loaded', { model, version, digest });
        return;
      } catch (thrown) {
        const error = asPlatformError(thrown);
        if (onlyIfRoom && error.code === 'MODEL_MEMORY_EXHAUSTED') return;
        this.#log.warn('a deployed model could not be loaded', { model, version, digest, error });
        if (error.retry === 'never') return;
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs).unref());
      delayMs = Math.min(delayMs * 2, inferenceLimits.loadRetryDelayMsMax);
    }
  }
}
