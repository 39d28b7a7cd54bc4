import type { Log } from '@perennial/bus';
import type { DeploymentUpdated } from '@perennial/contracts';
import { asPlatformError } from '@perennial/kernel';
import { inferenceLimits } from './limits.js';
import type { Models } from './models.js';

/**
 * Keeps what is deployed loaded and pinned, before anybody asks for it. A load that fails is tried again for as long
 * as the deployment stands, unless the file itself is at fault.
 */
export class DeployedModels {
  readonly #models: Models;
  readonly #log: Log;
  readonly #stopping: AbortSignal;
  readonly #newest = new Map<string, DeploymentUpdated>();

  constructor({ models, log, stopping }: { models: Models; log: Log; stopping: AbortSignal }) {
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
      [...this.#newest.values()].flatMap((one) => wantedRoutes(one).map(({ digest }) => digest)),
    );
    for (const { version, digest } of wantedRoutes(deployment)) void this.#load(deployment, version, digest);
  }

  async #load(deployment: DeploymentUpdated, version: number, digest: string): Promise<void> {
    const isWanted = () => this.#newest.get(deployment.deployment) === deployment && !this.#stopping.aborted;
    const model = deployment.system;
    const signature = deployment.routes.find((route) => route.version === version)?.signature;
    let delayMs: number = inferenceLimits.loadRetryDelayMs;
    while (isWanted()) {
      try {
        await this.#models.load(digest, { name: model, version, signature });
        this.#log.debug('model loaded', { model, version, digest });
        return;
      } catch (thrown) {
        const error = asPlatformError(thrown);
        this.#log.warn('a deployed model could not be loaded', { model, version, digest, error });
        if (error.retry === 'never') return;
      }
      await new Promise((resolve) => setTimeout(resolve, delayMs).unref());
      delayMs = Math.min(delayMs * 2, inferenceLimits.loadRetryDelayMsMax);
    }
  }
}

/** What is taken out of service keeps its routes, and needs no memory meanwhile. */
function wantedRoutes({ routes, unloaded }: DeploymentUpdated): DeploymentUpdated['routes'] {
  return unloaded ? [] : routes;
}
