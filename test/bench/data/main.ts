/**
 * `npm run bench data [name] [words]`: what the data plane does in a second and how much memory it takes, each figure as a
 * ratio against a named peer in the same run. Every bench is a module here whose `run` prints its lines.
 */
const benches = ['http-ingest', 'profile', 'validate', 'training-set', 'online', 'long-run'] as const;
/** Takes hours at its full size: run by hand. */
const byHand: readonly string[] = ['long-run'];

export async function benchData([name, ...words]: readonly string[]): Promise<void> {
  if (name !== undefined && !benches.some((bench) => bench === name)) {
    process.stderr.write(`unknown bench data ${name}; there are: ${benches.join(', ')}\n`);
    process.exitCode = 1;
    return;
  }
  const chosen = name ? [name] : benches.filter((bench) => !byHand.includes(bench));
  for (const bench of chosen) {
    const { run } = (await import(`./${bench}.js`)) as { run: (words: readonly string[]) => Promise<void> };
    await run(words);
  }
}
