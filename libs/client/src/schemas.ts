import type { Perennial } from './client.js';

export interface SchemaChange {
  /** Such as `columns.fare.range`. */
  path: string;
  kind: 'compatible' | 'widening' | 'breaking';
  /** JSON; empty where there was nothing, or nothing is left. */
  from_json: string;
  to_json: string;
}

export interface SchemaDifference {
  compatibility: 'same' | 'compatible' | 'widening' | 'breaking';
  changes: SchemaChange[];
}

export interface SchemaVersion {
  version: number;
  digest: string;
  accepted_at: string;
  /** Empty where verified rows implied it. */
  accepted_by: string;
}

export interface SchemaText {
  schema_json: string;
  /** A file of kind Schema. */
  schema_yaml: string;
}

export interface SchemaProposal extends SchemaText {
  proposal_id: string;
  source: string;
  base_version: number;
  rows: string;
  proposed_at: string;
  difference: SchemaDifference;
}

export interface ColumnProfile {
  name: string;
  type: string;
  present: string;
  missing: string;
  distinct: string;
  distinct_is_exact: boolean;
  top: { value: string; count: string }[];
  top_error: string;
  numbers?: {
    min: number;
    max: number;
    mean: number;
    deviation: number;
    /** At 1, 5, 25, 50, 75, 95 and 99 %. */
    quantiles: number[];
    histogram: string[];
    nan: string;
    infinite: string;
  };
  texts?: { shortest: number; longest: number; mean_length: number };
}

export interface Profile {
  rows: string;
  segments: number;
  event_time_min: string;
  event_time_max: string;
  interval_ms: number;
  columns: ColumnProfile[];
}

type Kind = { kind?: 'rows' | 'labels' };

/** What the rows of sources are expected to be, and what they look like. */
export class Schemas {
  readonly #platform: Perennial;

  constructor(platform: Perennial) {
    this.#platform = platform;
  }

  /** The version with its document; the one in force when none is named. */
  show(
    source: string,
    asked: Kind & { version?: number } = {},
  ): Promise<SchemaText & { version: SchemaVersion }> {
    return this.#platform.call('GET', `${pathOf(source)}/schema/version${queryOf(asked)}`);
  }

  async versions(
    source: string,
    asked: Kind & { before?: number; limit?: number } = {},
  ): Promise<SchemaVersion[]> {
    const path = `${pathOf(source)}/schema/versions${queryOf(asked)}`;
    return (await this.#platform.call<{ versions: SchemaVersion[] }>('GET', path)).versions;
  }

  /** What changed between two versions; `to` is the one in force when left out. */
  diff(source: string, asked: Kind & { from: number; to?: number }): Promise<SchemaDifference> {
    return this.#platform.call('GET', `${pathOf(source)}/schema/diff${queryOf(asked)}`);
  }

  /** The open proposal. */
  proposal(source: string, asked: Kind = {}): Promise<SchemaProposal> {
    return this.#platform.call('GET', `${pathOf(source)}/schema/proposal${queryOf(asked)}`);
  }

  /** Proposes what all verified rows imply; the same rows give the same proposal. */
  propose(source: string, asked: Kind = {}): Promise<SchemaProposal> {
    const path = `${pathOf(source)}/schema/proposal${queryOf(asked)}`;
    return this.#platform.call('POST', path, { json: {}, isRepeatable: true });
  }

  /** What accepting this file or JSON would change; nothing is changed. */
  check(source: string, schema: string, asked: Kind = {}): Promise<SchemaDifference> {
    const path = `${pathOf(source)}/schema/check${queryOf(asked)}`;
    return this.#platform.call('POST', path, { json: { schema }, isRepeatable: true });
  }

  /** Puts a schema in force: the open proposal, or what `schema` says. */
  accept(
    source: string,
    { kind, schema, proposalId, by }: Kind & { schema?: string; proposalId?: string; by: string },
  ): Promise<{ version: number; difference: SchemaDifference; written: string[] }> {
    const json = { schema, proposal_id: proposalId, accepted_by: by };
    return this.#platform.call('POST', `${pathOf(source)}/schema${queryOf({ kind })}`, { json });
  }

  /** Merged from the profiles of segments with rows in [from, to). */
  profile(source: string, asked: Kind & { from?: string; to?: string } = {}): Promise<Profile> {
    return this.#platform.call('GET', `${pathOf(source)}/profile${queryOf(asked)}`);
  }
}

function pathOf(source: string): string {
  return `/v1/sources/${encodeURIComponent(source)}`;
}

function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size === 0 ? '' : `?${query}`;
}
