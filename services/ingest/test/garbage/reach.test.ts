import { pathToFileURL } from 'node:url';
import { type ArtifactStore, openArtifacts } from '@perennial/artifacts';
import { type Digest, digestOf } from '@perennial/kernel';
import { tempDir } from '@perennial/testkit';
import { expect, test } from 'vitest';
import { reachable } from '../../src/garbage/reach.js';
import { sweepPlan } from '../../src/garbage/sweep-plan.js';

const open = () => openArtifacts({ url: pathToFileURL(tempDir('artifacts')).href });

/** mulberry32: the same seed gives the same tests. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

interface Made {
  readonly digest: Digest;
  readonly names: readonly Digest[];
  readonly isJson: boolean;
}

/** Artifacts of which later ones name earlier ones, in JSON of many forms and sizes; some hold bytes only. */
async function forest(store: ArtifactStore, draw: (below: number) => number): Promise<Made[]> {
  const made: Made[] = [];
  for (let i = 0; i < 40; i++) {
    const isJson = draw(3) > 0;
    const names = made.length
      ? Array.from({ length: draw(4) }, () => (made[draw(made.length)] as Made).digest)
      : [];
    const filler = 'x'.repeat(draw(2) === 0 ? draw(100) : 65_400 + draw(300));
    const value = draw(2) ? { i, filler, deep: [{ names }] } : [i, filler, names.join(' and ')];
    const text = isJson
      ? `${' '.repeat(draw(3))}${JSON.stringify(value)}`
      : `PAR1 ${i} ${filler} ${names.join()}`;
    const { digest } = await store.put(Buffer.from(text));
    made.push({ digest, names: isJson ? names : [], isJson });
  }
  return made;
}

/** What must be kept, computed in another way: again and again over all, until nothing is added. */
function closure(made: readonly Made[], roots: ReadonlySet<string>, alone: ReadonlySet<string>): Set<string> {
  const followed = new Set(roots);
  for (let before = -1; before !== followed.size; ) {
    before = followed.size;
    for (const one of made) if (followed.has(one.digest)) for (const name of one.names) followed.add(name);
  }
  return new Set([...followed, ...alone]);
}

test('no digest that anything needs is ever taken for garbage, and everything else is', async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const draw = random(seed);
    const store = await open();
    const made = await forest(store, draw);
    const some = (count: number) =>
      new Set<string>(Array.from({ length: count }, () => (made[draw(made.length)] as Made).digest));
    const roots = some(1 + draw(4));
    const alone = some(draw(3));
    const listed = [];
    for await (const one of store.list()) listed.push(one);
    const present = new Set<string>(listed.map(({ digest }) => digest));
    const needed = await reachable(store, present, { digests: roots, alone });
    const must = closure(made, roots, alone);
    const { garbage } = sweepPlan(listed, needed, Number.POSITIVE_INFINITY);
    const gone = new Set<string>(garbage.map(({ digest }) => digest));
    expect([...must].filter((digest) => gone.has(digest))).toEqual([]);
    expect(gone.size).toBe(present.size - must.size);
  }
});

test('what came in place of an erased artifact is needed wherever the erased one is', async () => {
  const store = await open();
  const rest = await store.put(Buffer.from('rest'));
  const whole = await store.put(Buffer.from('whole'));
  const manifest = await store.put(Buffer.from(JSON.stringify({ rows: whole.digest })));
  await store.erase(whole.digest, rest.digest);
  const present = new Set<string>([rest.digest, manifest.digest]);
  for (const roots of [
    { digests: new Set([manifest.digest]), alone: new Set<string>() },
    { digests: new Set([whole.digest]), alone: new Set<string>() },
    { digests: new Set<string>(), alone: new Set([whole.digest]) },
  ]) {
    expect(await reachable(store, present, roots)).toContain(rest.digest);
  }
});

test('names of artifacts that are not there harm nothing', async () => {
  const store = await open();
  const absent = digestOf(Buffer.from('absent'));
  const { digest } = await store.put(Buffer.from(JSON.stringify([absent])));
  const roots = { digests: new Set([digest, 'no digest']), alone: new Set([absent]) };
  expect(await reachable(store, new Set([digest]), roots)).toContain(digest);
});
