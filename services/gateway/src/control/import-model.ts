import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { create, type MessageInitShape, toJson } from '@bufbuild/protobuf';
import type { ArtifactStore } from '@perennial/artifacts';
import {
  type ImportModelRequestSchema,
  ModelGraphSchema,
  RouteSchema,
  type ServedModel,
} from '@perennial/contracts';
import { asPlatformError, canonicalJson, invalid, PlatformError } from '@perennial/kernel';
import { checkModel, modelEnds } from '@perennial/onnx';
import type { TensorSpec } from '@perennial/runtime';
import { allow, allowTouch, type Caller, may } from '../decide/access.js';
import type { Deployments } from '../deployments.js';
import type { Peers } from '../effects/peers.js';
import { receiveFile } from '../effects/receive-file.js';
import type { Fleet } from '../fleet/fleet.js';
import { checkGraph } from '../graph/check-graph.js';
import { graphMessage, readGraph } from '../graph/graph-body.js';
import { parseJson, readBody } from '../http/read-body.js';
import { tensorsOf } from '../protocol/descriptions.js';
import { type ControlRequest, checkName } from './route.js';

const MiB = 1024 * 1024;

export const importLimits = {
  /** A file is checked in memory, one at a time; what is larger belongs on a GPU host's disk, not in a request. */
  modelBytesMax: 256 * MiB,
  /** 32 steps with hundreds of inputs each. */
  graphBytesMax: 1 * MiB,
  /** 256 MiB over a slow line of 10 Mbit/s take 4 minutes. */
  uploadTimeoutMs: 10 * 60_000,
  /** Files on their way in at once; each is on disk, not in memory. */
  uploadsMax: 8,
} as const;

export interface ImportNeeds {
  readonly registry: Peers['registry'];
  /** What models a graph may be made of. */
  readonly deployments: Deployments;
  readonly fleet: Pick<Fleet, 'load' | 'unload'>;
  /** Opened when the first model comes: most gateways never import one. */
  readonly artifacts: () => Promise<ArtifactStore>;
}

/** Imports one file after the other: checks its structure, keeps it under its digest, has it given its version. */
export class ModelImport {
  readonly #needs: ImportNeeds;
  #uploads = 0;
  #checking: Promise<unknown> = Promise.resolve();

  constructor(needs: ImportNeeds) {
    this.#needs = needs;
  }

  /**
   * `POST /v1/models/<name>/versions`: the body is an ONNX file, or as application/json a graph of models that are
   * served. The same bytes again are the same version.
   *
   * @throws PlatformError BODY_*, FORBIDDEN, MODEL_* with what is wrong with the file, MODEL_NAME_CONFLICT, IMPORTS_EXHAUSTED
   */
  async receive(request: Omit<ControlRequest, 'text'>, body: IncomingMessage) {
    checkName('name', request.params['model'] ?? '');
    const promote = promoteOf(request);
    if (/^application\/json\b/.test(body.headers['content-type'] ?? '')) {
      return this.#import(request, promote, await this.#keepGraph(body, request.caller));
    }
    if (this.#uploads >= importLimits.uploadsMax) {
      throw new PlatformError(
        'IMPORTS_EXHAUSTED',
        'caller',
        'after',
        `${importLimits.uploadsMax} model files are on their way in; send this one when one of them is through`,
      );
    }
    this.#uploads += 1;
    const folder = await mkdtemp(path.join(tmpdir(), 'perennial-import-'));
    try {
      const file = path.join(folder, 'model.onnx');
      const { modelBytesMax: bytesMax, uploadTimeoutMs: timeoutMs } = importLimits;
      const bytes = await receiveFile(body, file, { bytesMax, timeoutMs });
      if (bytes === 0) {
        throw invalid('BODY_INVALID', 'the body must be an ONNX file; it is empty', { field: 'body' });
      }
      const kept = await this.#inTurn(() => this.#keep(file));
      return await this.#import(request, promote, { ...kept, bytes: BigInt(bytes) });
    } finally {
      this.#uploads -= 1;
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #import(
    { params, caller }: Omit<ControlRequest, 'text'>,
    promote: boolean | undefined,
    kept: Omit<MessageInitShape<typeof ImportModelRequestSchema>, '$typeName'> & Ends,
  ) {
    const { registry } = this.#needs;
    const { digest, inputs, outputs, graph } = kept;
    const name = checkName('name', params['model'] ?? '');
    const asked = { ...kept, name, requestedBy: caller.name };
    if (graph) {
      const answer = await registry.importModel({ ...asked, ...(promote !== undefined && { promote }) });
      return { answer, digest, inputs, outputs };
    }
    const answer = await registry.importModel({ ...asked, promote: false });
    const { model } = await registry.getServedModel({ name });
    const isServing = model !== undefined && model.champion > 0 && !model.retired;
    if (!(promote ?? !isServing)) return { answer, digest, inputs, outputs };
    const whyNot = await this.#tried(name, answer.version, digest, model);
    if (whyNot !== undefined) return { answer, digest, inputs, outputs, whyNot };
    const moved = await registry.importModel({ ...asked, promote: true });
    return { answer: { ...moved, created: answer.created }, digest, inputs, outputs };
  }

  /**
   * Has the version loaded where it would run, before it takes anybody's place. Why it cannot be, where the file is at
   * fault; a pool that has no replica now says nothing about the file.
   */
  async #tried(
    name: string,
    version: number,
    digest: string,
    model: ServedModel | undefined,
  ): Promise<string | undefined> {
    const { fleet, deployments } = this.#needs;
    const { signature = '' } = model?.versions.find((one) => one.version === version) ?? {};
    const { pool = '', serve } = model?.deployment ?? {};
    try {
      await fleet.load(name, create(RouteSchema, { version, digest, signature }), pool, serve);
      return undefined;
    } catch (thrown) {
      const { retry, message } = asPlatformError(thrown);
      if (retry !== 'never') return undefined;
      const isDeployed = deployments
        .current(name)
        ?.deployment.routes.some((route) => route.digest === digest);
      if (!isDeployed) await fleet.unload(name, digest);
      return message;
    }
  }

  /**
   * A graph is kept like a file: its canonical JSON, under its digest. It answers with what its models answer, so that it
   * may be made only of those that whoever brings it may touch.
   */
  async #keepGraph(body: IncomingMessage, caller: Caller) {
    const { graphBytesMax, uploadTimeoutMs } = importLimits;
    const bytes = await readBody(body, graphBytesMax, performance.now() + uploadTimeoutMs);
    const { steps, outputs } = readGraph(parseJson(bytes.toString('utf8')));
    const checked = checkGraph(steps, outputs, (model) => {
      allowTouch(caller, 'system', model);
      const deployment = this.#needs.deployments.current(model)?.deployment;
      if (!deployment || deployment.routes.length === 0) return undefined;
      if (deployment.routes.some(({ graph }) => graph)) throw nested(model);
      const { inputs: takes, outputs: gives } = tensorsOf(deployment);
      return { inputs: takes as TensorSpec[], outputs: gives as TensorSpec[] };
    });
    const graph = graphMessage(checked);
    const content = Buffer.from(canonicalJson(toJson(ModelGraphSchema, graph)));
    const { digest } = await (await this.#needs.artifacts()).put(content);
    const ends = { inputs: shown(checked.inputs), outputs: shown(checked.outputs) };
    return { digest, graph, bytes: BigInt(content.byteLength), ...ends };
  }

  async #keep(file: string) {
    const content = await readFile(file);
    checkModel(content);
    const ends = modelEnds(content);
    const { digest } = await (await this.#needs.artifacts()).put(content);
    return { digest, inputs: shown(ends.inputs), outputs: shown(ends.outputs) };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#checking.then(work, work);
    this.#checking = turn.catch(() => undefined);
    return turn;
  }
}

interface Ends {
  readonly digest: string;
  readonly inputs: ReturnType<typeof shown>;
  readonly outputs: ReturnType<typeof shown>;
}

function shown(all: readonly { name: string; datatype: string; shape: readonly number[] }[]) {
  return all.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) }));
}

function nested(model: string): PlatformError {
  return invalid('GRAPH_INVALID', `'${model}' is a graph itself; put its steps into this one`, {
    field: 'steps',
  });
}

/**
 * Whether the version is to answer; undefined where that follows from there being no other. Who may not let a model
 * answer keeps it only.
 *
 * @throws PlatformError QUERY_INVALID, FORBIDDEN
 */
function promoteOf({ query, caller }: Pick<ControlRequest, 'query' | 'caller'>): boolean | undefined {
  for (const name of Object.keys(query)) {
    if (name === 'promote') continue;
    throw invalid('QUERY_INVALID', `${name} is not known here; there is promote=true|false`, { field: name });
  }
  const { promote } = query;
  if (promote === undefined) return may(caller.role, 'approve') ? undefined : false;
  if (promote === 'true') allow(caller, 'approve');
  if (promote === 'true' || promote === 'false') return promote === 'true';
  throw invalid('QUERY_INVALID', `promote must be true or false, got "${promote}"`, { field: 'promote' });
}
