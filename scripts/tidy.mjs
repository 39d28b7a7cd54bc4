#!/usr/bin/env node
// All static checks in one command: `npm run tidy`. Errors end it with exit code 1; sizes are warnings to be looked at.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorCodes, generatedIsFresh, packageReadmes } from './tidy/documents.mjs';
import { deadFiles, dependencyDirection, undeclaredDependencies } from './tidy/imports.mjs';
import { readSources } from './tidy/sources.mjs';
import { sizes, textRules } from './tidy/text.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);

/** A tool's own words are shown only when it finds something. */
function tool(...command) {
  const [name, ...args] = command;
  const { status, stdout, stderr } = spawnSync(path.join('node_modules', '.bin', name), args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return status === 0 ? [] : [`${command.join(' ')}\n${stdout ?? ''}${stderr ?? ''}`.trim()];
}

const sources = readSources(root);
const checks = [
  ['formatting and lint', () => tool('biome', 'check', '--max-diagnostics=50')],
  ['types', () => tool('tsc', '-b')],
  ['types of tests', () => tool('tsc', '-p', 'tsconfig.tests.json')],
  ['contracts are well formed', () => tool('buf', 'lint', 'proto')],
  ['contracts break nobody', () => tool('buf', 'breaking', 'proto', '--against', 'proto/base.binpb')],
  ['generated files match their sources', () => generatedIsFresh(root)],
  ['dependencies point down', () => dependencyDirection(sources)],
  ['every import is declared', () => undeclaredDependencies(root, sources)],
  ['no dead files', () => deadFiles(sources)],
  ['text rules', () => textRules(sources)],
  ['every error code is documented', () => errorCodes(root, sources)],
  ['every package has a short README', () => packageReadmes(root)],
];

let errorCount = 0;
for (const [name, check] of checks) {
  const startedAt = performance.now();
  const problems = check();
  errorCount += problems.length;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stdout.write(`${problems.length === 0 ? '✓' : '✗'} ${name} (${seconds} s)\n`);
  for (const problem of problems) process.stdout.write(`  ${problem.replaceAll('\n', '\n  ')}\n`);
}
for (const warning of sizes(sources)) process.stdout.write(`! ${warning}\n`);
process.stdout.write(errorCount === 0 ? 'tidy\n' : `${errorCount} problems\n`);
process.exitCode = errorCount === 0 ? 0 : 1;
