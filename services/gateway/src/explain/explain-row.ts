import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { type Plan, planFor } from './plan.js';

/** Why a row was answered so. `base` and all contributions add up to the prediction. */
export interface Explanation {
  /** The model's answer to the reference row. */
  readonly base: number;
  /** By input, in units of the prediction; 0 where the row equals the reference. */
  readonly contributions: Readonly<Record<string, number>>;
  readonly method: 'exact' | 'sampled';
  /** Rows that the model was asked about for it. */
  readonly evaluations: number;
}

export interface RowToExplain {
  /** The model's inputs by name. */
  readonly features: JsonObject;
  readonly prediction: number;
  /** Names the draw of a sampled explanation: the prediction's id. */
  readonly seed: string;
}

/** What one row's explanation needs of the model. */
export interface ExplainWork {
  readonly rows: readonly JsonObject[];
  /** `answers` are the model's to `rows`, in their order. */
  readonly finish: (answers: readonly number[]) => Explanation;
}

/**
 * Plans the explanation of one row. Inputs that equal the reference's contribute nothing by definition and are no
 * players, so that most rows are explained exactly.
 */
export function explainRow(
  { features, prediction, seed }: RowToExplain,
  reference: JsonObject,
  evaluationsMax: number,
): ExplainWork {
  const names = Object.keys(reference);
  const players = names.filter((name) => !isSame(features[name], reference[name]));
  const plan = planFor(players.length, evaluationsMax, seed);
  // Everybody is the row itself, whose answer is known.
  const asked = players.length === 0 ? plan.coalitions : plan.coalitions.slice(0, -1);
  const rows = asked.map((coalition) => {
    const row = { ...reference };
    players.forEach((name, player) => {
      if (coalition[player]) row[name] = features[name] ?? null;
    });
    return row;
  });
  return { rows, finish: (answers) => explanation(plan, names, players, [...answers], prediction) };
}

function explanation(
  plan: Plan,
  names: readonly string[],
  players: readonly string[],
  answers: readonly number[],
  prediction: number,
): Explanation {
  const values = players.length === 0 ? answers : [...answers, prediction];
  const parts = plan.contributions(values);
  const contributions = Object.fromEntries(names.map((name) => [name, 0]));
  players.forEach((name, player) => {
    contributions[name] = parts[player] as number;
  });
  const { method } = plan;
  return { base: answers[0] as number, contributions, method, evaluations: answers.length };
}

function isSame(one: JsonValue | undefined, other: JsonValue | undefined): boolean {
  const plain = (value: JsonValue | undefined) =>
    typeof value === 'boolean' ? Number(value) : (value ?? null);
  return plain(one) === plain(other);
}
