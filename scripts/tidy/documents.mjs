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

/** A call that makes an error: of the kernel, of a class, or of a local function such as `modelError`. */
const errorMaker = /\b(?:invalid|notFound|unavailable|\w*Error)\(\s*(?:\d+,\s*)?/;
/** A field or constant that holds a code; a word without an underscore could be anything there. */
const codeHolder = /\bcode: (?='\w+_)|\bcode (?:=|\?\?) (?='\w+_|`)/;
const codeText = /'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)'|`([A-Z_]*\$\{[^`]*\}[A-Z_]*)`/;
const codePattern = new RegExp(`(?:${errorMaker.source}|${codeHolder.source})(?:${codeText.source})`, 'g');

/** `<PEER>_UNAVAILABLE` in the page and a template in the code are the same when their fixed parts are. */
const shapeOf = (code) => code.replace(/\$\{.*\}|<[A-Z]+>/, '*');

/** Codes that are thrown and not listed in docs/ERRORS.md, and codes listed there that nobody throws or twice. */
export function errorCodes(root, sources) {
  const thrown = new Set();
  for (const { file, text } of sources) {
    if (!/\/src\//.test(file)) continue;
    for (const [, code, template] of text.matchAll(codePattern)) {
      const shape = shapeOf(code ?? template);
      if (/[A-Z]{3}/.test(shape)) thrown.add(shape);
    }
  }
  const page = fs.readFileSync(path.join(root, 'docs', 'ERRORS.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z0-9_<>]+)` \|/gm)].map((match) => shapeOf(match[1]));
  const listed = new Set(rows);
  return [
    ...[...thrown].filter((code) => !listed.has(code)).map((code) => `${code} is not in docs/ERRORS.md`),
    ...[...listed]
      .filter((code) => !thrown.has(code))
      .map((code) => `docs/ERRORS.md lists ${code}, which nobody throws`),
    ...rows
      .filter((code, at) => rows.indexOf(code) !== at)
      .map((code) => `docs/ERRORS.md lists ${code} twice`),
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
