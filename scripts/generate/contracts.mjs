// The built contracts with the comments of proto/: what the documents are written from.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
export const inRoot = (...parts) => path.join(root, ...parts);
const bin = (name) => inRoot('node_modules', '.bin', name);

execFileSync(bin('tsc'), ['-b', 'libs/contracts', 'libs/bus'], { cwd: root, stdio: 'inherit' });

const fromContracts = createRequire(inRoot('libs', 'contracts', 'package.json'));
const load = (file) => import(pathToFileURL(file));
const { fromBinary, ScalarType } = await load(fromContracts.resolve('@bufbuild/protobuf'));
const { FileDescriptorSetSchema } = await load(fromContracts.resolve('@bufbuild/protobuf/wkt'));
const contracts = await load(inRoot('libs', 'contracts', 'dist', 'mod.js'));
export const { eventHeaders, streams } = await load(inRoot('libs', 'bus', 'dist', 'mod.js'));
export const { version, license } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8'));

/** Field numbers of descriptor.proto that lead to what may carry a comment. */
const messageType = 4;
const nestedType = 3;
const messageField = 2;

/** Comments by full name: messages `perennial.v1.X`, fields `perennial.v1.X.y`. */
function readComments() {
  const image = execFileSync(bin('buf'), ['build', 'proto', '-o', '-'], { cwd: root, maxBuffer: 1 << 28 });
  const comments = new Map();
  for (const file of fromBinary(FileDescriptorSetSchema, image).file) {
    for (const location of file.sourceCodeInfo?.location ?? []) {
      const text = `${location.leadingComments} ${location.trailingComments}`.replace(/\s+/g, ' ').trim();
      const name = text && nameAt(file, location.path);
      if (name) comments.set(name, text);
    }
  }
  return comments;
}

function nameAt(file, [kind, index, ...rest]) {
  if (kind !== messageType) return undefined;
  let message = file.messageType[index];
  let name = `${file.package}.${message.name}`;
  for (let at = 0; at < rest.length; at += 2) {
    const [step, position] = rest.slice(at, at + 2);
    if (step === messageField && at + 2 === rest.length) return `${name}.${message.field[position].name}`;
    if (step !== nestedType) return undefined;
    message = message.nestedType[position];
    name += `.${message.name}`;
  }
  return name;
}

const comments = readComments();
export const commentOf = (desc) => comments.get(desc.typeName);
export const fieldComment = (field) => comments.get(`${field.parent.typeName}.${field.name}`);

/** All messages and enums that these schemas use, by short name. */
export function typesUsedBy(schemas) {
  const used = new Map();
  const visit = (desc) => {
    if (!desc || desc.typeName.startsWith('google.protobuf.') || used.has(desc.name)) return;
    used.set(desc.name, desc);
    for (const field of desc.fields ?? []) visit(field.message ?? field.enum);
  };
  for (const schema of schemas) visit(schema);
  return [...used.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export const scalarNames = Object.fromEntries(
  Object.entries(ScalarType).map(([name, value]) => [value, name.toLowerCase()]),
);

export function typeText(field) {
  const single = () => {
    const desc = field.message ?? field.enum;
    if (!desc) return scalarNames[field.scalar];
    return desc.typeName.startsWith('google.protobuf.')
      ? desc.name.toLowerCase()
      : `[${desc.name}](#${desc.name.toLowerCase()})`;
  };
  if (field.fieldKind === 'list') return `list of ${single()}`;
  if (field.fieldKind === 'map') return `map of ${single()}`;
  return single();
}

export const { eventType, events, PredictionBatchSchema } = contracts;
const { arrivalSubject, eventFilter, predictionSubject } = contracts;

export const eventAddress = (event) => eventFilter(event).replace('*', '{tenant}').replace(/\*$/, '{id}');
const placeholders = { tenant: 'tenant', source: 'source', producer: 'producer' };

/** Turns the tokens that are named into parameters. */
function withParameters(subject, names) {
  return subject
    .split('.')
    .map((token) => (names.includes(token) ? `{${token}}` : token))
    .join('.');
}

export const arrivalAddress = (arrival) =>
  withParameters(arrivalSubject({ arrival, ...placeholders }), Object.keys(placeholders));
export const predictionAddress = withParameters(predictionSubject('tenant', 'deployment'), [
  'tenant',
  'deployment',
]);

export const parameterTexts = {
  tenant: 'The tenant whose message it is.',
  id: 'The id of the aggregate that the event is about.',
  source: 'The name of the source.',
  producer: 'The name of the producer; its credential may publish to its own subject only.',
  deployment: 'The name of the deployment, which is that of its system.',
};

export const streamOf = (name) => streams.find((stream) => stream.name === name);
