import fs from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';

const scope = '@perennial/';
/** Packages at the bottom import nothing of ours. */
const bottom = new Set(['libs/contracts', 'libs/kernel']);
/** Files that somebody runs rather than imports. */
const entries =
  /(^|\/)(mod|main|child|player)\.ts$|\.test\.ts$|(^|\/)test\/|^(vitest\.config\.ts|scripts\/[^/]+\.mjs)$|bootstrap\.mjs$|\.bench\.ts$/;

const packageOf = (file) => /^((?:libs|services|infra|examples)\/[^/]+|test)\//.exec(file)?.[1];

/** Libraries without a clock, randomness or I/O: decide/ may call them. */
const pure = new Set(['libs/contracts', 'libs/kernel', 'libs/spec', 'libs/stats', 'libs/tlog']);

/** services → libs → contracts, kernel; decide/ knows only pure libraries, types and itself. */
export function dependencyDirection(sources) {
  const folders = packageFolders();
  return sources.flatMap(({ file, imports, typeImports }) => {
    const own = packageOf(file);
    if (own === undefined || isTest(file)) return [];
    return imports.flatMap((name) => {
      const target = name.startsWith(scope) ? folders.get(packageName(name)) : undefined;
      const runs = !typeImports.has(name);
      const problem = target
        ? crossing(own, target, file, runs)
        : runs
          ? decideImport(file, name)
          : undefined;
      return problem ? [`${file}: imports ${name}: ${problem}`] : [];
    });
  });
}

function crossing(own, target, file, runs) {
  if (bottom.has(own)) return 'a package at the bottom imports nothing of ours';
  if (target.startsWith('services/')) return 'services meet only in events, RPC and digests';
  if (target === 'libs/testkit') return 'only tests use the testkit';
  if (own.startsWith('libs/') && !target.startsWith('libs/') && own !== 'libs/testkit')
    return 'a library does not know who uses it';
  if (inDecide(file) && runs && !pure.has(target))
    return 'decide/ calls pure libraries and its own folder alone';
  return undefined;
}

function decideImport(file, name) {
  if (!inDecide(file)) return undefined;
  if (name.startsWith('node:')) return name === 'node:crypto' ? undefined : 'decide/ does no input or output';
  if (!name.startsWith('.')) return name.startsWith('@bufbuild/protobuf') ? undefined : 'decide/ is pure';
  const target = path.join(path.dirname(file), name);
  return inDecide(target) ? undefined : 'decide/ does not know the rest of its service';
}

/** What a package imports must stand in its package.json; pnpm would hide the lack until somebody else is installed. */
export function undeclaredDependencies(root, sources) {
  const declared = new Map();
  return sources.flatMap(({ file, imports }) => {
    const own = packageOf(file);
    if (own === undefined || isTest(file)) return [];
    if (!declared.has(own)) declared.set(own, dependenciesOf(path.join(root, own, 'package.json')));
    const outside = imports.filter((name) => !name.startsWith('.') && !name.startsWith('node:'));
    return outside
      .map(packageName)
      .filter((name) => !declared.get(own).has(name) && !builtinModules.includes(name))
      .map((name) => `${file}: imports ${name}, which ${own}/package.json does not name`);
  });
}

/** A file that nothing imports and nobody runs. */
export function deadFiles(sources) {
  const reached = new Set();
  for (const { file, imports } of sources) {
    for (const name of imports.filter((one) => one.startsWith('.'))) {
      const target = path.join(path.dirname(file), name);
      for (const candidate of [
        target,
        target.replace(/\.js$/, '.ts'),
        target.replace('/dist/', '/src/').replace(/\.js$/, '.ts'),
      ])
        reached.add(candidate);
    }
  }
  return sources
    .filter(({ file }) => !entries.test(file) && !reached.has(file))
    .map(({ file }) => `${file}: nothing imports it`);
}

function packageFolders() {
  const folders = ['libs', 'services', 'infra', 'examples'].flatMap((top) =>
    fs.readdirSync(top).map((name) => `${top}/${name}`),
  );
  return new Map(
    [...folders, 'test']
      .filter((folder) => fs.existsSync(path.join(folder, 'package.json')))
      .map((folder) => [JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')).name, folder]),
  );
}

function dependenciesOf(file) {
  const { name, dependencies = {}, optionalDependencies = {} } = JSON.parse(fs.readFileSync(file, 'utf8'));
  return new Set([name, ...Object.keys(dependencies), ...Object.keys(optionalDependencies)]);
}

function packageName(specifier) {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

const isTest = (file) => /(^|\/)test\//.test(file);
const inDecide = (file) => /^services\/[^/]+\/src\/decide\//.test(file);
