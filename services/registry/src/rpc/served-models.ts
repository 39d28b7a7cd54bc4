import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type GetServedModelRequest,
  GetServedModelResponseSchema,
  type ImportModelRequest,
  ImportModelResponseSchema,
  isName,
  ListServedModelsResponseSchema,
  type RetireModelRequest,
  RetireModelResponseSchema,
  type ServedModelSchema,
  type SetServeRequest,
  SetServeResponseSchema,
  type ServedModel as ShownModel,
} from '@perennial/contracts';
import { assert, invalid, isDigest, notFound, PlatformError } from '@perennial/kernel';
import { canonicalServing, parseModelServing } from '@perennial/spec';
import { storeOf } from '../apply-fact.js';
import { applyServed, nameTaken } from '../apply-served.js';
import { newModel, nextVersion, type ServedFact, type ServedModel } from '../decide/served-model.js';
import { DeploymentRows } from '../deployment-rows.js';
import { Listings } from '../listings.js';
import { serveSettings } from '../serve-settings.js';
import { ServedModels } from '../served-models.js';
import type { RpcContext } from './context.js';

/** Gives the bytes their version, once: the same ones again answer with the version that they have. */
export async function importModel(context: RpcContext, request: ImportModelRequest) {
  const { name, digest, bytes, inputs, outputs, promote } = request;
  if (!isName(name)) {
    throw invalid('NAME_INVALID', 'name must be 1 to 64 characters of a-z, 0-9, "-" and "_"', {
      field: 'name',
    });
  }
  if (!isDigest(digest)) {
    throw invalid('MODEL_DIGEST_INVALID', `digest: "${digest}" is no sha256 digest`, { field: 'digest' });
  }
  const { decider } = context;
  return context.transact(async (tx, emit) => {
    const models = new ServedModels(tx, decider.tenant);
    await models.lockName(name);
    if (await storeOf(decider, tx).peek(name)) throw nameTaken(name, 'system');
    const known = await models.load(name);
    const model = known ?? newModel(name);
    const fact: ServedFact = {
      kind: 'import',
      version: {
        digest,
        bytes: Number(bytes),
        inputs,
        outputs,
        graph: request.graph,
        registeredBy: request.requestedBy,
      },
      signature: decider.sign?.({ name, version: nextVersion(model), digest }) ?? '',
      promote,
    };
    const after = await applyServed(decider, tx, { known, model, fact, emit });
    const version = after.versions.find((one) => one.digest === digest);
    assert(version, 'an imported version is there');
    return create(ImportModelResponseSchema, {
      name,
      version: version.version,
      created: after.versions.length > model.versions.length,
      champion: after.champion ?? 0,
      epoch: BigInt(after.epoch),
    });
  });
}

export async function setServe(context: RpcContext, { name, serveJson }: SetServeRequest) {
  const { pool, serving } = parseModelServing(serveJson);
  const after = await changeServed(context, name, () => ({
    kind: 'set-serve',
    pool,
    servingJson: canonicalServing(serving),
    serve: serveSettings(serving),
  }));
  return create(SetServeResponseSchema, { epoch: BigInt(after.epoch) });
}

export async function retireModel(context: RpcContext, { name }: RetireModelRequest) {
  const after = await changeServed(context, name, () => ({ kind: 'retire' }));
  return create(RetireModelResponseSchema, { epoch: BigInt(after.epoch) });
}

/**
 * Changes an imported model in one transaction.
 *
 * @throws PlatformError MODEL_NOT_FOUND; MODEL_OF_SYSTEM_CONFLICT where the name is a system's
 */
async function changeServed(
  { decider, transact }: RpcContext,
  name: string,
  factOf: (model: ServedModel) => ServedFact,
): Promise<ServedModel> {
  return transact(async (tx, emit) => {
    const models = new ServedModels(tx, decider.tenant);
    await models.lockName(name);
    const model = await models.load(name);
    if (model) return applyServed(decider, tx, { known: model, model, fact: factOf(model), emit });
    if (await storeOf(decider, tx).peek(name)) {
      throw new PlatformError(
        'MODEL_OF_SYSTEM_CONFLICT',
        'caller',
        'never',
        `name: "${name}" is a system: its system.yaml says how it is served; apply another one`,
        { field: 'name' },
      );
    }
    throw unknownModel(name);
  });
}

export async function listServedModels(context: RpcContext) {
  const { db, decider } = context;
  const models = [];
  for (const name of await new ServedModels(db, decider.tenant).names()) {
    models.push({ ...(await shownModel(context, name)), versions: [] });
  }
  for (const name of await new Listings(db, decider.tenant).systemNames()) {
    models.push({ ...(await shownModel(context, name)), versions: [] });
  }
  models.sort((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1));
  return create(ListServedModelsResponseSchema, { models });
}

export async function getServedModel(context: RpcContext, { name }: GetServedModelRequest) {
  return create(GetServedModelResponseSchema, { model: await shownModel(context, name) });
}

type Shown = Exclude<MessageInitShape<typeof ServedModelSchema>, ShownModel>;

/** @throws PlatformError MODEL_NOT_FOUND */
async function shownModel({ db, decider }: RpcContext, name: string): Promise<Shown> {
  const deployment = await new DeploymentRows(db, decider.tenant).current(name);
  const told = deployment && { deployment };
  const model = await new ServedModels(db, decider.tenant).load(name);
  if (model) {
    return {
      name,
      kind: 'imported',
      champion: model.champion ?? 0,
      retired: model.retired,
      ...told,
      versions: model.versions
        .map(({ registeredAt, bytes, inputs, outputs, graph, ...version }) => ({
          ...version,
          ...(graph && { graph }),
          bytes: BigInt(bytes),
          inputs: [...inputs],
          outputs: [...outputs],
          registeredAt: timestampFromMs(registeredAt),
        }))
        .reverse(),
    };
  }
  const state = await storeOf(decider, db).peek(name);
  if (!state) throw unknownModel(name);
  const versions = state.models.map(({ version, digest, bytes, inputs, signature, registeredAt }) => ({
    version,
    digest,
    bytes: BigInt(bytes),
    inputs: [...inputs],
    signature,
    registeredAt: timestampFromMs(registeredAt),
    registeredBy: 'registry',
  }));
  return { name, kind: 'system', champion: state.champion ?? 0, ...told, versions: versions.reverse() };
}

export function unknownModel(name: string): PlatformError {
  return notFound(
    'MODEL_NOT_FOUND',
    `name: there is no model and no system "${name}"; import one, or look at the list of models`,
    { field: 'name' },
  );
}
