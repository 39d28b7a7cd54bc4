import { create, type JsonObject, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  AuditService,
  FeatureService,
  type GetProgressResponseSchema,
  InferenceService,
  IngestService,
  MonitorService,
  OperationsService,
  oip,
  type PredictionPlacesSchema,
  RegistryService,
  type SegmentKind,
  ValidateService,
} from '@perennial/contracts';
import { invalid, PlatformError, parseEventTime, unavailable } from '@perennial/kernel';
import { inputsOf, responseOf } from '@perennial/runtime';
import { type RpcService, rpc, serveGrpc } from '@perennial/service';

export const specJson = JSON.stringify({ source: { name: 'meter', time: 'hour', key: [] } });

/** What the services behind the gateway are to do, and what they heard. */
export interface World {
  epoch: bigint;
  /** Called by a rollback before it is answered. */
  onRollback: () => Promise<void>;
  progress: MessageInitShape<typeof GetProgressResponseSchema>;
  /** How often featurize still answers that its database is away. */
  featuresAway: number;
  rowsTaken: { source: string; kind: SegmentKind; producer: string; format: string; bytes: number }[];
  repaired: JsonObject[];
  /** What the registry says of the system. */
  specJson: string;
  /** What the monitor has heard of, and how often it was asked. */
  predictions: MessageInitShape<typeof PredictionPlacesSchema>[];
  placesAsked: number;
  /** Parts of services that run for real. */
  real: RpcService[];
  /** Called before a model answers. */
  onServe: () => Promise<void>;
  imported: object[];
  routes: object[];
  momentsAsked: (string | undefined)[];
}

export function world(): World {
  return {
    epoch: 0n,
    onRollback: async () => {},
    progress: {},
    featuresAway: 0,
    rowsTaken: [],
    repaired: [],
    specJson,
    predictions: [],
    placesAsked: 0,
    real: [],
    onServe: async () => {},
    imported: [],
    routes: [],
    momentsAsked: [],
  };
}

/** The usual row of the training: 4 outside, 7 yesterday. */
const referenceFeatures = {
  outside: { kind: 'number', quantiles: [0, 4, 9] },
  yesterday: { kind: 'number', quantiles: [6, 8] },
};

const nothing = () => ({});
const notHere = () => {
  throw new PlatformError('UNIMPLEMENTED', 'us', 'never', 'not part of this test');
};

/** One real gRPC server that speaks for all services behind the gateway. */
export function servePeers(state: World) {
  return serveGrpc({
    listen: '127.0.0.1:0',
    drainTimeoutMs: 0,
    services: [
      registry(state),
      featurize(state),
      inference(state),
      ingest(state),
      monitor(state),
      ...state.real,
      rpc(OperationsService, {
        getProgress: () => state.progress,
        listDeadLetters: () => ({ deadLetters: [{ deadLetterId: 'd1', code: 'EVENT_MALFORMED' }] }),
        decideDeadLetter: ({ deadLetterId, decision }) => ({
          deadLetter: { deadLetterId, status: decision },
        }),
        listNeededArtifacts: async function* () {},
        eraseFromTables: nothing,
      }),
      rpc(ValidateService, {
        listQuarantine: nothing,
        getQuarantine: nothing,
        getSchema: nothing,
        listAnomalies: ({ source, type, limit }) => ({
          anomalies: [{ anomalyId: 'a1', source, finding: { type, rows: limit } }],
        }),
        checkRows: ({ rows, environment }) => ({
          rowsChecked: rows.length,
          findings: [{ rule: environment }],
        }),
        revalidateQuarantine: ({ source }) => ({ repairId: source, rowsVerified: 3 }),
        releaseQuarantine: ({ releasedBy, reason }) => ({ repairId: `${releasedBy}: ${reason}` }),
        discardQuarantine: ({ discardedBy, reason }) => ({ discardId: `${discardedBy}: ${reason}` }),
        repairQuarantine: ({ source, column, expression, repairedBy }) => {
          state.repaired.push({ source, column, expression, repairedBy });
          return { rowsRepaired: 20 };
        },
      }),
      rpc(AuditService, {
        verify: () => ({ verified: true, entries: 12n }),
        getCheckpoint: nothing,
        getProof: nothing,
        why: ({ subject }) => ({ subject }),
        getLineage: nothing,
        listEvents: ({ afterIndex, limit }) => ({
          size: 100n,
          events: [{ index: afterIndex, eventId: 'e', eventType: `limit:${limit}` }],
        }),
      }),
    ],
  });
}

function registry(state: World) {
  return rpc(RegistryService, {
    applySystem: ({ dryRun, appliedBy }) => ({ system: appliedBy, version: dryRun ? 0 : 1, created: true }),
    listSystems: () => ({ systems: [{ system: 'heat' }] }),
    getSystem: ({ system }) => {
      if (system !== 'heat')
        throw invalid('SYSTEM_NOT_FOUND', `there is no system "${system}"`, { field: 'system' });
      return { specJson: state.specJson, deployment: { system, deployment: system, epoch: state.epoch } };
    },
    listModels: nothing,
    getModel: ({ system, reference }) => ({
      model: { system, version: Number(reference) },
      manifestJson: JSON.stringify({ reference: { features: referenceFeatures } }),
    }),
    rollback: async ({ requestedBy }) => {
      if (requestedBy !== 'tester') throw new Error(`asked by ${requestedBy}`);
      state.epoch += 1n;
      await state.onRollback();
      return { fromVersion: 2, toVersion: 1, epoch: state.epoch };
    },
    promote: notHere,
    resume: notHere,
    addShadow: ({ reference }) => ({ version: Number(reference), epoch: state.epoch }),
    removeShadow: () => ({ epoch: state.epoch }),
    retrain: () => ({ rolloutId: 'r1' }),
    cancelRollout: ({ reason, requestedBy }) => ({
      rolloutId: `${reason} ${requestedBy}`,
      epoch: state.epoch,
    }),
    importModel: (request) => {
      state.imported.push(request);
      return { name: request.name, version: state.imported.length, created: true, epoch: 0n };
    },
    listServedModels: nothing,
    getServedModel: nothing,
    setRoutes: (request) => {
      state.routes.push(request);
      return {};
    },
    setServe: nothing,
    retireModel: nothing,
    setAvailability: nothing,
    getLive: ({ moment }) => {
      state.momentsAsked.push(moment.case);
      return {};
    },
  });
}

/** Knows one feature, `yesterday`, which is always 10. */
function featurize(state: World) {
  return rpc(FeatureService, {
    exportFeatures: nothing,
    listDatasets: nothing,
    getFeatures: notHere,
    getTrainingSet: notHere,
    exportTrainingSet: notHere,
    reproduceTrainingSet: notHere,
    listLeaks: notHere,
    checkLeaks: notHere,
    getOnline: ({ rows }) => {
      if (state.featuresAway > 0) {
        state.featuresAway -= 1;
        throw unavailable('DATABASE_UNAVAILABLE', 'the database is away');
      }
      return {
        rows: rows.map((row) => ({
          eventTime: timestampFromMs(parseEventTime(row['hour'], 'hour')),
          key: {},
          features: { outside: row['outside'] ?? null, yesterday: 10 },
          provided: ['outside'],
        })),
      };
    },
  });
}

/** Its models answer the sum of all inputs. */
function inference(state: World) {
  return rpc(InferenceService, {
    getReplica: nothing,
    loadModel: nothing,
    unloadModel: nothing,
    testModel: nothing,
    async *serve(requests) {
      for await (const { sequence, request } of requests) {
        await state.onServe();
        const inputs = inputsOf(request as oip.ModelInferRequest);
        const rows = inputs[0]?.shape[0] ?? 0;
        const sums = new Float64Array(rows);
        for (const { data } of inputs) {
          for (let at = 0; at < rows; at++) sums[at] = (sums[at] ?? 0) + Number(data[at]);
        }
        const outputs = [{ name: 'prediction', datatype: 'FP64' as const, shape: [rows, 1], data: sums }];
        const head = { modelName: '', modelVersion: '', id: '' };
        yield { sequence, outcome: { case: 'response' as const, value: responseOf(outputs, head) } };
      }
    },
  });
}

function monitor(state: World) {
  return rpc(MonitorService, {
    getQuality: nothing,
    listReports: nothing,
    listReviews: nothing,
    compareShadows: nothing,
    findPredictions: ({ predictionIds }) => {
      state.placesAsked += 1;
      return {
        predictions: state.predictions.filter(({ predictionId = '' }) =>
          predictionIds.includes(predictionId),
        ),
      };
    },
  });
}

function ingest(state: World) {
  return rpc(IngestService, {
    addProducer: nothing,
    listProducers: nothing,
    listSources: nothing,
    listDeliveries: nothing,
    applySource: nothing,
    getSource: nothing,
    checkSystem: nothing,
    publishRows: async (requests) => {
      let bytes = 0;
      for await (const { part } of requests) {
        if (part.case === 'header') {
          const { source, kind, producer, format } = part.value;
          state.rowsTaken.push({ source, kind, producer, format, bytes: 0 });
        } else if (part.case === 'chunk') bytes += part.value.length;
      }
      const last = state.rowsTaken.at(-1);
      if (last) last.bytes = bytes;
      return { taken: bytes };
    },
  });
}

/** A request of the Open Inference Protocol with one number for each input. */
export function inferRequest(modelName: string, inputs: Record<string, number>, eventTime?: string) {
  return create(oip.ModelInferRequestSchema, {
    modelName,
    ...(eventTime && {
      parameters: { event_time: { parameterChoice: { case: 'stringParam', value: eventTime } } },
    }),
    inputs: Object.entries(inputs).map(([name, value]) => ({
      name,
      datatype: 'FP64',
      shape: [1n, 1n],
      contents: { fp64Contents: [value] },
    })),
  });
}
