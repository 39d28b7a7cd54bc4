import type { Entry, JsonObject } from './entry.js';

export interface LineageNode {
  readonly id: string;
  /** system, dataset, segment, training-run, evaluation or model. */
  readonly kind: string;
  readonly name: string;
  /** Empty where the thing is no artifact. */
  readonly digest: string;
}

export type Relation = 'made-of' | 'trained-by' | 'judged-by' | 'verified-from';

export interface LineageEdge {
  readonly from: string;
  readonly to: string;
  readonly relation: Relation;
}

/** What things were made of. Adding a thing twice changes nothing; the order is that of adding. */
export class Lineage {
  readonly #nodes = new Map<string, LineageNode>();
  readonly #edges = new Map<string, LineageEdge>();

  get nodes(): LineageNode[] {
    return [...this.#nodes.values()];
  }

  get edges(): LineageEdge[] {
    return [...this.#edges.values()];
  }

  /** From `model.registered`: the model with its run and evaluation. Returns the dataset's id. */
  addModel({ body }: Entry): string {
    const model = `${textOf(body, 'system')}@${Number(body['version'])}`;
    this.#node('model', `model:${model}`, model, textOf(body, 'digest'));
    this.#linked(`model:${model}`, 'trained-by', 'training-run', textOf(body, 'runId'));
    this.#linked(`model:${model}`, 'judged-by', 'evaluation', textOf(body, 'evaluationId'));
    this.#linked(`model:${model}`, 'made-of', 'dataset', textOf(body, 'datasetId'));
    return textOf(body, 'datasetId');
  }

  /** From `dataset.materialized`: the dataset, and the version of the system that declared it. */
  addDataset({ body }: Entry): void {
    const id = textOf(body, 'datasetId');
    const system = `${textOf(body, 'system')}@${Number(body['systemVersion'] ?? 0)}`;
    this.#node('dataset', `dataset:${id}`, id, textOf(body, 'manifestDigest'));
    this.#node('system', `system:${system}`, system, '');
    this.#edge(`dataset:${id}`, `system:${system}`, 'made-of');
  }

  /** A file of verified rows; `event` is its `segment.verified`, absent where the log does not know the digest. */
  addSegment(digest: string, event: Entry | undefined): string {
    const id = textOf(event?.body ?? {}, 'segmentId') || digest;
    // A segment that was repaired has two verified files, so the digest is part of the name.
    const node = `segment:${id}:${digest}`;
    this.#node('segment', node, `${nameOf(event?.body ?? {})}${id}`, digest);
    return node;
  }

  /** The rows as they had come, from `segment.recorded`. */
  addRecorded(verified: string, { body }: Entry): void {
    const id = textOf(body, 'segmentId');
    const recorded = `segment:${id}:${textOf(body, 'digest')}`;
    this.#node('segment', recorded, `${nameOf(body)}${id} as recorded`, textOf(body, 'digest'));
    if (recorded !== verified) this.#edge(verified, recorded, 'verified-from');
  }

  madeOf(datasetId: string, segment: string): void {
    this.#edge(`dataset:${datasetId}`, segment, 'made-of');
  }

  #linked(from: string, relation: Relation, kind: string, id: string): void {
    if (id === '') return;
    const node = `${kind}:${id}`;
    if (!this.#nodes.has(node)) this.#node(kind, node, id, '');
    this.#edge(from, node, relation);
  }

  #node(kind: string, id: string, name: string, digest: string): void {
    this.#nodes.set(id, { id, kind, name, digest });
  }

  #edge(from: string, to: string, relation: Relation): void {
    this.#edges.set(`${from} ${relation} ${to}`, { from, to, relation });
  }
}

/** Digests of all verified files in a dataset's manifest: rows, then labels, each in their order. */
export function segmentDigests(manifest: JsonObject): string[] {
  return ['segments', 'labels'].flatMap((field) => {
    const digests = manifest[field];
    return Array.isArray(digests) ? digests.filter((digest) => typeof digest === 'string') : [];
  });
}

export function textOf(body: JsonObject, field: string): string {
  const value = body[field];
  return typeof value === 'string' ? value : '';
}

function nameOf(body: JsonObject): string {
  const source = textOf(body, 'source');
  if (source === '') return '';
  return body['kind'] === 'SEGMENT_KIND_LABELS' ? `${source} labels ` : `${source} `;
}
