/**
 * `npm run bench`: the platform as a whole; `npm run bench serving`: predictions, beside what they could cost at least;
 * `npm run bench data`: collection, verification and features.
 */
const [subject, ...words] = process.argv.slice(2);
if (subject === undefined) await import('./platform.js');
else if (subject === 'serving') await (await import('./serving/main.js')).benchServing(words);
else if (subject === 'data') await (await import('./data/main.js')).benchData(words);
else {
  process.stderr.write(
    `unknown bench ${subject}; there are: npm run bench, npm run bench serving, npm run bench data\n`,
  );
  process.exitCode = 1;
}
