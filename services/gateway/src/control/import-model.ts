import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ArtifactStore } from '@perennial/artifacts';
import { invalid, PlatformError } from '@perennial/kernel';
import { checkModel, modelEnds } from '@perennial/onnx';
import type { Peers } from '../effects/peers.js';
import { receiveFile } from '../effects/receive-file.js';
import { type ControlRequest, checkName } from './route.js';

const MiB = 1024 * 1024;

export const importLimits = {
  /** A file is checked in memory, one at a time; what is larger belongs on a GPU host's disk, not in a request. */
  modelBytesMax: 256 * MiB,
  /** 256 MiB over a slow line of 10 Mbit/s take 4 minutes. */
  uploadTimeoutMs: 10 * 60_000,
  /** Files on their way in at once; each is on disk, not in memory. */
  uploadsMax: 8,
} as const;

export interface ImportNeeds {
  readonly registry: Peers['registry'];
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
   * `POST /v1/models/<name>/versions`: the body is an ONNX file. The same bytes again are the same version.
   *
   * @throws PlatformError BODY_*, MODEL_* with what is wrong with the file, MODEL_NAME_CONFLICT, IMPORTS_EXHAUSTED
   */
  async receive(request: Omit<ControlRequest, 'text'>, body: IncomingMessage) {
    const name = checkName('name', request.params['model'] ?? '');
    const promote = promoteOf(request.query);
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
      const asked = { name, bytes: BigInt(bytes), requestedBy: request.caller.name, ...kept };
      const answer = await this.#needs.registry.importModel({
        ...asked,
        ...(promote !== undefined && { promote }),
      });
      return { answer, ...kept };
    } finally {
      this.#uploads -= 1;
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #keep(file: string) {
    const content = await readFile(file);
    checkModel(content);
    const ends = modelEnds(content);
    const { digest } = await (await this.#needs.artifacts()).put(content);
    const shown = (all: typeof ends.inputs) =>
      all.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(BigInt) }));
    return { digest, inputs: shown(ends.inputs), outputs: shown(ends.outputs) };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#checking.then(work, work);
    this.#checking = turn.catch(() => undefined);
    return turn;
  }
}

/** @throws PlatformError QUERY_INVALID */
function promoteOf(query: ControlRequest['query']): boolean | undefined {
  for (const name of Object.keys(query)) {
    if (name === 'promote') continue;
    throw invalid('QUERY_INVALID', `${name} is not known here; there is promote=true|false`, { field: name });
  }
  const { promote } = query;
  if (promote === undefined) return undefined;
  if (promote === 'true' || promote === 'false') return promote === 'true';
  throw invalid('QUERY_INVALID', `promote must be true or false, got "${promote}"`, { field: 'promote' });
}
