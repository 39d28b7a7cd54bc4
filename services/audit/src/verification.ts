import { emptyEdge, grow, leafHash, parseCheckpoint, rootOf, sameHash, type TreeEdge } from '@perennial/tlog';
import { readEntry } from './decide/entry.js';

/** A row of the log as it stands in the database: nothing about it is believed. */
export interface StoredEntry {
  readonly index: number;
  readonly content: Uint8Array;
  readonly columns: EntryColumns;
}

/** Copies of parts of the content, by which entries are found. */
export interface EntryColumns {
  readonly event_id: string;
  readonly event_type: string;
  readonly subject: string;
  readonly service: string;
  readonly causation_id: string;
  readonly correlation_id: string;
  readonly occurred_at: Date;
}

export interface StoredNode {
  readonly lastLeaf: number;
  readonly level: number;
  readonly hash: Uint8Array;
}

/** A checkpoint that was signed when the log had `size` entries; `text` is the opened note. */
export interface StoredCheckpoint {
  readonly size: number;
  readonly text: string;
  readonly signedAt: Date;
}

/** Entries that follow each other, with the nodes they completed and the checkpoints signed among them. */
export interface LogPage {
  readonly entries: readonly StoredEntry[];
  readonly nodes: readonly StoredNode[];
  readonly checkpoints: readonly StoredCheckpoint[];
}

/**
 * Recomputes the tree over a page, from the tree over all before it, and compares it with what was kept. `problem` is
 * the first thing that does not hold, in plain words; what follows a problem cannot be judged.
 */
export function verifyPage(from: TreeEdge, page: LogPage): { edge: TreeEdge; problem?: string } {
  let edge = from;
  const nodes = new Map(page.nodes.map((node) => [`${node.lastLeaf}/${node.level}`, node.hash]));
  const checkpoints = new Map(page.checkpoints.map((checkpoint) => [checkpoint.size, checkpoint]));
  for (const entry of page.entries) {
    if (entry.index !== edge.size) return { edge, problem: missingEntry(edge.size, entry.index) };
    const grown = grow(edge, [leafHash(entry.content)]);
    for (const node of grown.nodes) {
      const kept = nodes.get(`${entry.index}/${node.level}`);
      if (!kept || !sameHash(kept, node.hash)) return { edge, problem: wrongNode(node, entry, kept) };
    }
    const column = differingColumn(entry);
    if (column) return { edge, problem: wrongColumn(column, entry) };
    edge = grown.edge;
    const checkpoint = checkpoints.get(edge.size);
    const problem = checkpoint && checkpointProblem(checkpoint, edge);
    if (problem) return { edge, problem };
  }
  return { edge };
}

/** What of the log's end does not hold, when all its entries gave `edge`. */
export function verifyEnd(
  edge: TreeEdge,
  end: { headSize: number; last: StoredCheckpoint | undefined; nodesBeyond: number },
): string | undefined {
  const { headSize, last, nodesBeyond } = end;
  if (last && last.size > edge.size) {
    return `the log was cut off: a checkpoint over ${last.size} entries was signed on ${last.signedAt.toISOString()}, but only ${edge.size} are there`;
  }
  if (headSize !== edge.size) {
    return `the log was cut off: its head counts ${headSize} entries, but ${edge.size} are there`;
  }
  if (nodesBeyond > 0) return `the tree has ${nodesBeyond} nodes beyond the last entry, ${edge.size - 1}`;
  if (!last || last.size < edge.size) {
    return `no signed checkpoint covers the entries from ${last?.size ?? 0} to ${edge.size - 1}`;
  }
  // Over a log without entries no page was verified.
  return edge.size === 0 ? checkpointProblem(last, emptyEdge) : undefined;
}

function checkpointProblem({ size, text, signedAt }: StoredCheckpoint, edge: TreeEdge): string | undefined {
  const signed = readable(() => parseCheckpoint(text));
  if (signed?.size === size && sameHash(signed.root, rootOf(edge))) return undefined;
  return `the first ${size} entries do not give the root that was signed over them on ${signedAt.toISOString()}: the history was written anew, or the checkpoint was`;
}

function differingColumn({ content, columns }: StoredEntry): string | undefined {
  const entry = readable(() => readEntry(content));
  if (!entry) return 'content';
  const expected: Record<keyof EntryColumns, string> = {
    event_id: entry.eventId,
    event_type: entry.eventType,
    subject: entry.subject,
    service: entry.service,
    causation_id: entry.causationId,
    correlation_id: entry.correlationId,
    occurred_at: entry.occurredAt.toISOString(),
  };
  for (const [name, value] of Object.entries(columns) as [keyof EntryColumns, string | Date][]) {
    if ((value instanceof Date ? value.toISOString() : value) !== expected[name]) return name;
  }
  return undefined;
}

/** Undefined where it cannot be read: whoever tampers need not write what parses. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function missingEntry(expected: number, found: number): string {
  const missing = found === expected + 1 ? `entry ${expected} is` : `entries ${expected} to ${found - 1} are`;
  return `${missing} missing: entry ${found} follows`;
}

function wrongNode(
  { level, index }: { level: number; index: number },
  { index: at, columns }: StoredEntry,
  kept: Uint8Array | undefined,
): string {
  const entry = `entry ${at} (${columns.event_type} ${columns.event_id})`;
  if (!kept)
    return `the tree's node of level ${level}, number ${index} is missing; it was kept with ${entry}`;
  if (level === 0) return `${entry} was changed: its content has another hash than when it was recorded`;
  return `the tree's node of level ${level}, number ${index} was changed: the entries under it give another hash`;
}

function wrongColumn(column: string, { index, columns }: StoredEntry): string {
  return `entry ${index} (${columns.event_id}) is filed wrongly: its column ${column} differs from its content`;
}
