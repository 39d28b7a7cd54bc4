import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const readmeLinesMax = 40;
const generated = ['libs/contracts/src/gen', 'docs/events.md', 'docs/asyncapi.json'];

/** Generates again and compares with what is there; what was there is put back where it differs. */
export function generatedIsFresh(root) {
  const before = snapshot(root);
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'generate'], {
    cwd: root,
    encoding: 'utf8',
    env: {
      ...process.env,
      PATH: `${path.join(root, 'node_modules', '.bin')}${path.delimiter}${process.env.PATH}`,
    },
  });
  if (status !== 0) return [`npm run generate failed\n${stdout}${stderr}`];
  const after = snapshot(root);
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names]
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => `${name} was not generated from the present sources; run: npm run generate`);
}

function snapshot(root) {
  const files = generated.flatMap((place) => filesUnder(path.join(root, place)));
  return new Map(files.map((file) => [path.relative(root, file), fs.readFileSync(file, 'utf8')]));
}

function filesUnder(place) {
  if (!fs.existsSync(place)) return [];
  if (fs.statSync(place).isFile()) return [place];
  return fs.readdirSync(place).flatMap((name) => filesUnder(path.join(place, name)));
}

/** Codes that are thrown and not listed in docs/ERRORS.md, and codes listed there that nobody throws. */
export function errorCodes(root, sources) {
  const thrown = new Set();
  for (const { file, text } of sources) {
    if (!/\/src\//.test(file)) continue;
    const pattern =
      /(?:\b(?:invalid|notFound|unavailable|PlatformError|RequestError)\(\s*|\bcode: |\bcode = )(?:\d+,\s*)?'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|INTERNAL|CONNECTION|UNAUTHENTICATED|FORBIDDEN)'/g;
    for (const match of text.matchAll(pattern)) thrown.add(match[1]);
  }
  const page = fs.readFileSync(path.join(root, 'docs', 'ERRORS.md'), 'utf8');
  const listed = new Set([...page.matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map((match) => match[1]));
  return [
    ...[...thrown].filter((code) => !listed.has(code)).map((code) => `${code} is not in docs/ERRORS.md`),
    ...[...listed]
      .filter((code) => !thrown.has(code))
      .map((code) => `docs/ERRORS.md lists ${code}, which nobody throws`),
  ].sort();
}

export function packageReadmes(root) {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--', '*/package.json'], {
    cwd: root,
    encoding: 'utf8',
  });
  return listed
    .split('\n')
    .filter((file) => file !== '' && fs.existsSync(path.join(root, file)))
    .flatMap((file) => {
      const readme = path.join(path.dirname(file), 'README.md');
      if (!fs.existsSync(path.join(root, readme))) return [`${readme} is missing`];
      const lines = fs.readFileSync(path.join(root, readme), 'utf8').trimEnd().split('\n').length;
      return lines > readmeLinesMax ? [`${readme} has ${lines} lines, at most ${readmeLinesMax}`] : [];
    });
}
