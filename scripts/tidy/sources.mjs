import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/**
 * Every TypeScript and JavaScript file that is or could be committed, with its text and what it imports. Generated
 * code is left out: nobody edits it.
 */
export function readSources(root) {
  const listed = execFileSync(
    'git',
    ['ls-files', '-co', '--exclude-standard', '--', '*.ts', '*.mts', '*.mjs'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  return listed
    .split('\n')
    .filter((file) => file !== '' && !/(^|\/)(gen|dist)\//.test(file) && fs.existsSync(path.join(root, file)))
    .map((file) => {
      const text = fs.readFileSync(path.join(root, file), 'utf8');
      return { file, text, imports: importsOf(text), typeImports: typeImportsOf(text) };
    });
}

/** Names of packages and files of which only types are imported: nothing of them runs. */
function typeImportsOf(text) {
  const all = text.matchAll(/(?:^|\n)\s*import type\s[^'"]*?from\s*['"]([^'"]+)['"]/g);
  return new Set([...all].map((match) => match[1]));
}

/** Static and dynamic imports, re-exports, and files that are named to be run. */
function importsOf(text) {
  const patterns = [
    /(?:^|\n)\s*(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]/g,
    /(?:^|\n)\s*import\s*['"]([^'"]+)['"]/g,
    /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
    // Files of worker threads and of programs that are run: `new URL('./x.js', import.meta.url)`.
    /['"](\.{1,2}\/[\w./-]+\.m?js)['"]/g,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1]));
}
