import { type DeploymentUpdated, type Route, RouteRole } from '@perennial/contracts';
import { invalid, type PlatformError, unavailable } from '@perennial/kernel';
import { type Deployments, type Serving, unknownSystem } from '../deployments.js';
import { platformOf, tensorsOf } from './descriptions.js';
import { modelConfig } from './model-config.js';
import { type ModelStatistics, type StatisticsSource, statisticsOf } from './statistics.js';

export interface ModelMetadata {
  readonly name: string;
  readonly versions: string[];
  readonly platform: string;
  readonly inputs: { name: string; datatype: string; shape: number[] }[];
  readonly outputs: { name: string; datatype: string; shape: number[] }[];
}

export interface IndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: 'READY' | 'LOADING' | 'UNAVAILABLE';
  readonly reason: string;
}

/** Brings a deployment's models into the places that run them, or takes the deployment out of answering. */
export interface ModelRepository {
  load(deployment: string, requestedBy: string): Promise<void>;
  unload(deployment: string, requestedBy: string): Promise<void>;
}

/** What the protocol tells of served models and does with them, in its own JSON form; the same over every transport. */
export class Models {
  readonly #deployments: Deployments;
  readonly #statistics: StatisticsSource;
  readonly #repository: ModelRepository;
  readonly #isLoaded: (route: Route) => boolean;

  constructor(o: {
    deployments: Deployments;
    statistics: StatisticsSource;
    repository: ModelRepository;
    /** Whether some place has it, so that a request is answered without a load. */
    isLoaded: (route: Route) => boolean;
  }) {
    this.#deployments = o.deployments;
    this.#isLoaded = o.isLoaded;
    this.#statistics = o.statistics;
    this.#repository = o.repository;
  }

  get isReady(): boolean {
    return this.#deployments.isCaughtUp;
  }

  /** Everything that can be asked about by name, served or not. */
  names(): string[] {
    return this.#deployments.systems().sort();
  }

  /**
   * Whether this version, or any where none is named, answers now.
   *
   * @throws PlatformError SYSTEM_NOT_FOUND for a model that nobody has brought
   */
  modelReady(model: string, version: string): boolean {
    if (this.#deployments.isCaughtUp && !this.#deployments.source(model)) throw unknownSystem(model);
    return readyRoutes(this.#deployments.current(model), version).some(this.#isLoaded);
  }

  /** @throws PlatformError SYSTEM_NOT_FOUND, SYSTEM_NOT_SERVING, VERSION_NOT_FOUND */
  async metadata(model: string, version: string, deadlineAt: number): Promise<ModelMetadata> {
    const deployment = await this.#find(model, version, deadlineAt);
    return {
      name: model,
      versions: versionsOf(deployment),
      platform: platformOf(deployment),
      ...tensorsOf(deployment),
    };
  }

  /** @throws PlatformError SYSTEM_NOT_FOUND, SYSTEM_NOT_SERVING, VERSION_NOT_FOUND */
  async config(model: string, version: string, deadlineAt: number) {
    return modelConfig(await this.#find(model, version, deadlineAt));
  }

  /**
   * Of all models where none is named.
   *
   * @throws PlatformError SYSTEM_NOT_FOUND, SYSTEM_NOT_SERVING, VERSION_NOT_FOUND, and where no place answers
   */
  async statistics(
    model: string,
    version: string,
    deadlineAt: number,
  ): Promise<{ model_stats: ModelStatistics[] }> {
    const asked =
      model === ''
        ? this.names().flatMap((name) => this.#deployments.current(name)?.deployment ?? [])
        : [await this.#find(model, version, deadlineAt)];
    const places = await this.#statistics();
    return { model_stats: asked.flatMap((deployment) => statisticsOf(deployment, version, places)) };
  }

  /** The index of the model repository; with `ready` only those that answer. */
  index(ready: boolean): IndexEntry[] {
    const all = this.names().flatMap((name): IndexEntry[] => {
      const serving = this.#deployments.current(name);
      if (serving?.deployment.unloaded) {
        return [{ name, version: '', state: 'UNAVAILABLE', reason: 'unloaded' }];
      }
      if (serving && serving.deployment.routes.length > 0) {
        return versionsOf(serving.deployment).map((version) => ({
          name,
          version,
          state: 'READY',
          reason: '',
        }));
      }
      const why = this.#deployments.whyNot(name);
      if (why !== undefined) return [{ name, version: '', state: 'UNAVAILABLE', reason: why }];
      const isComing = (this.#deployments.newest(name)?.routes.length ?? 0) > 0;
      return [
        isComing
          ? { name, version: '', state: 'LOADING', reason: '' }
          : { name, version: '', state: 'UNAVAILABLE', reason: 'no version is served' },
      ];
    });
    return ready ? all.filter(({ state }) => state === 'READY') : all;
  }

  /** @throws PlatformError SYSTEM_NOT_FOUND, and why it cannot be loaded */
  async load(model: string, requestedBy: string): Promise<void> {
    this.#checkKnown(model);
    await this.#repository.load(model, requestedBy);
  }

  /** @throws PlatformError SYSTEM_NOT_FOUND */
  async unload(model: string, requestedBy: string): Promise<void> {
    this.#checkKnown(model);
    await this.#repository.unload(model, requestedBy);
  }

  /** A served model, for requests whose tensors the model itself must explain. */
  serving(model: string, version: string, deadlineAt: number): Promise<DeploymentUpdated> {
    return this.#find(model, version, deadlineAt);
  }

  #checkKnown(model: string): void {
    if (!this.#deployments.source(model)) throw unknownSystem(model);
  }

  async #find(model: string, version: string, deadlineAt: number): Promise<DeploymentUpdated> {
    const { deployment } = await this.#deployments.find(model, deadlineAt);
    const versions = versionsOf(deployment);
    if (version !== '' && !versions.includes(version)) throw versionNotFound(model, version, versions);
    return deployment;
  }
}

/** All that are served, shadows too: each can be asked by its number. */
function versionsOf({ routes }: DeploymentUpdated): string[] {
  const served = routes.filter(({ role }) => role !== RouteRole.UNSPECIFIED);
  return [...new Set(served.map(({ version }) => version))].sort((a, b) => a - b).map(String);
}

function readyRoutes(serving: Serving | undefined, version: string): Route[] {
  const { routes = [], unloaded = false } = serving?.deployment ?? {};
  return unloaded ? [] : routes.filter((route) => version === '' || String(route.version) === version);
}

/** @throws PlatformError MODEL_UNLOADED for a deployment that was taken out of service */
export function checkLoaded({ deployment: { deployment, unloaded } }: Serving): void {
  if (!unloaded) return;
  throw unavailable(
    'MODEL_UNLOADED',
    `Request for unknown model: '${deployment}' has no available versions: it was unloaded; load it with ` +
      `POST /v2/repository/models/${deployment}/load`,
  );
}

export function versionNotFound(model: string, version: string, served: readonly string[]): PlatformError {
  return invalid(
    'VERSION_NOT_FOUND',
    `Request for unknown model: '${model}' version ${version} is not found; served are ${served.join(', ')}`,
    { field: 'model_version' },
  );
}
