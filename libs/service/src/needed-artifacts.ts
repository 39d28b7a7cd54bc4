import { type Database, digestsInTables } from '@perennial/db';
import type { Parts } from './frame.js';

/** Digests in one message of the answer: some tens of KiB. */
const digestsMax = 500;

type NeedingParts = Pick<Parts, 'artifactColumns' | 'neededArtifacts'>;

interface NeededPart {
  readonly digests: string[];
  readonly digestsAlone: string[];
}

/**
 * Every digest that stands anywhere in a service's tables, but for the columns that only mention artifacts. A table that
 * nobody thought of keeps what it names: forgetting one costs disk space and never data.
 */
export async function* neededArtifacts(
  { db }: Pick<Database, 'db'>,
  { artifactColumns: { mentioned = [], alone = [] } = {}, neededArtifacts: ask }: NeedingParts,
): AsyncGenerator<NeededPart> {
  for await (const { column, digests } of digestsInTables(db, mentioned)) {
    yield* inParts(digests, alone.includes(column));
  }
  const further = await ask?.();
  yield* inParts(further?.digests ?? [], false);
  yield* inParts(further?.alone ?? [], true);
}

function* inParts(digests: readonly string[], isAlone: boolean): Generator<NeededPart> {
  for (let start = 0; start < digests.length; start += digestsMax) {
    const part = digests.slice(start, start + digestsMax);
    yield isAlone ? { digests: [], digestsAlone: part } : { digests: part, digestsAlone: [] };
  }
}
