import { artifactSettings, openArtifacts } from '@perennial/artifacts';
import { InferenceService } from '@perennial/contracts';
import type { Digest } from '@perennial/kernel';
import type { ServiceOptions } from '@perennial/service';
import { accessService } from './access/service.js';
import type { AccessDb } from './access/tables.js';
import type { Decider } from './apply-fact.js';
import { settings } from './config.js';
import { inferenceTests } from './effects/ask-inference.js';
import { manifestsIn } from './effects/manifests.js';
import { startTestRunner } from './effects/test-runner.js';
import { datasetRefused } from './handlers/dataset-refused.js';
import { deploymentTold } from './handlers/deployment-told.js';
import { evaluationCompleted } from './handlers/evaluation-completed.js';
import { predictions } from './handlers/predictions.js';
import { reviewConcluded } from './handlers/review-concluded.js';
import { rewardRecorded } from './handlers/reward-recorded.js';
import { segmentVerified } from './handlers/segment-verified.js';
import { trainingRunCompleted } from './handlers/training-run-completed.js';
import { trainingRunFailed } from './handlers/training-run-failed.js';
import { Listings } from './listings.js';
import { settingsReader } from './plan-of.js';
import { neededBodies } from './requests/needed-bodies.js';
import { predictionRequestService } from './requests/service.js';
import type { RequestsDb } from './requests/tables.js';
import type { RpcContext } from './rpc/context.js';
import { registryService } from './rpc/registry-service.js';
import { signerFrom } from './sign.js';
import { signUnsigned } from './sign-unsigned.js';
import type { Db } from './store.js';

/** The registry as data: what it hears, serves and works on. */
export const registry: ServiceOptions<typeof settings> = {
  name: 'registry',
  settings,
  migrations: new URL('../migrations/', import.meta.url),
  build: async ({ tenant, clock, log, database, settings: set, transact, client }) => {
    const db = database.db as Db;
    const artifacts = await openArtifacts(artifactSettings());
    const manifests = manifestsIn(artifacts);
    const decider: Decider = {
      tenant,
      clock,
      settingsOf: settingsReader(set.firstTrainingLabelsMin),
      sign: signerFrom(set.signingKeyFile),
    };
    const inference = client(InferenceService, 'inference');
    const tests = inferenceTests({
      decider,
      db,
      testTimeoutMs: set.testTimeoutMs,
      transact: (work) => transact((tx, emitFor) => work(tx as Db, emitFor)),
      testModel: (request, timeoutMs) => inference.testModel(request, { timeoutMs }),
      warn: (error, test) =>
        log.warn(error.message, { code: error.code, internal: error.internal, rolloutId: test?.rollout_id }),
    });
    const inTransaction: RpcContext['transact'] = (work) =>
      transact((tx, emitFor) => work(tx as Db, emitFor()));
    let runner: ReturnType<typeof startTestRunner> | undefined;
    return {
      handlers: [
        segmentVerified(decider),
        datasetRefused(decider),
        trainingRunCompleted(decider),
        trainingRunFailed(decider),
        evaluationCompleted(decider, manifests),
        reviewConcluded(decider),
        predictions(decider),
        deploymentTold(decider),
        rewardRecorded(decider),
      ],
      services: [
        registryService({
          decider,
          manifests,
          db,
          transact: inTransaction,
        }),
        predictionRequestService({ db: database.db as RequestsDb, tenant, clock }),
        accessService({
          db: database.db as AccessDb,
          tenant,
          clock,
          transact: (work) => transact((tx, emitFor) => work(tx as AccessDb, emitFor())),
        }),
      ],
      progress: async () => {
        const count = await new Listings(db, tenant).rolloutsInWork();
        return { work: [{ kind: 'rollouts in training or testing', count }] };
      },
      start: async () => {
        const signed = await signUnsigned({ decider, db, transact: inTransaction });
        if (signed > 0) log.info('versions from before there was a key are signed now', { count: signed });
        runner = startTestRunner(tests, { pollMs: set.testPollMs, retryMsMax: set.testRetryMsMax });
      },
      stop: async () => runner?.stop(),
      artifactColumns: { mentioned: ['submission.body_digest'] },
      neededArtifacts: async () => ({ alone: await neededBodies(database.db as RequestsDb) }),
      putArtifact: (bytes) => artifacts.put(bytes),
      getArtifact: (digest) => artifacts.get(digest as Digest),
    };
  },
};
