/** `npm run bench`: the platform as a whole; `npm run bench serving`: predictions, beside what they could cost at least. */
const [subject, ...words] = process.argv.slice(2);
if (subject === undefined) await import('./platform.js');
else if (subject === 'serving') await (await import('./serving/main.js')).benchServing(words);
else {
  process.stderr.write(`unknown bench ${subject}; there are: npm run bench, npm run bench serving\n`);
  process.exitCode = 1;
}
