import { PredictionRequestService } from '@perennial/contracts';
import { makeWorkFolder } from '@perennial/service';
import { CallbackDelivery } from '../callbacks/deliver.js';
import type { ControlRoute, StreamRoute } from '../control/route.js';
import { lazyArtifacts } from '../effects/lazy-artifacts.js';
import type { GatewayFrame } from '../gateway.js';
import type { PredictNeeds } from '../http/predict.js';
import { batchRoutes } from './batches.js';
import { followRoutes } from './follow.js';
import type { RequestNeeds } from './needs.js';
import { requestRoutes } from './routes.js';
import { SubmissionWorker } from './worker.js';

export interface Requests {
  readonly routes: readonly ControlRoute[];
  readonly streams: readonly StreamRoute[];
  /** Submissions and callbacks that are worked on here. */
  readonly inHand: number;
  start(): void;
  stop(): Promise<void>;
}

/** What is answered later: the routes that take it, and those who work it off. */
export function openRequests(frame: GatewayFrame, predicting: PredictNeeds): Requests {
  const { clock, tenant, log, settings } = frame;
  const submissions = frame.client(PredictionRequestService, 'registry');
  const artifacts = lazyArtifacts();
  const allowPrivate = settings.callbackAllowPrivate;
  const worker = new SubmissionWorker({
    submissions,
    artifacts,
    predicting,
    clock,
    callerOf: (name) => ({ name, tenant, role: 'client' }),
    warn: (message, fields) => log.warn(message, fields),
    onEnded: () => callbacks.wake(),
  });
  const callbacks = new CallbackDelivery({ submissions, artifacts, clock, allowPrivate });
  let folder: ReturnType<typeof makeWorkFolder> | undefined;
  const needs: RequestNeeds = {
    submissions,
    artifacts,
    deployments: predicting.deployments,
    allowPrivateCallbacks: allowPrivate,
    wake: () => worker.wake(),
    workDir: async () => {
      folder ??= makeWorkFolder('gateway');
      return (await folder).path;
    },
  };
  return {
    ...requestRoutesOf(needs),
    get inHand() {
      return worker.inHand + callbacks.inHand;
    },
    start: () => {
      worker.start();
      callbacks.start();
    },
    stop: async () => {
      await Promise.all([worker.stop(), callbacks.stop()]);
      await (await folder)?.remove();
    },
  };
}

/** The routes alone, as data. */
export function requestRoutesOf(needs: RequestNeeds): Pick<Requests, 'routes' | 'streams'> {
  return { routes: requestRoutes(needs), streams: [...batchRoutes(needs), ...followRoutes(needs)] };
}
