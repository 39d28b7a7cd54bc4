import { withstands } from '@perennial/testkit';
import { expect, it } from 'vitest';
import {
  decodeBase64,
  emptyEdge,
  formatCheckpoint,
  grow,
  leafHash,
  makeSignerKey,
  noteSigner,
  noteVerifier,
  openNote,
  parseCheckpoint,
  parseProof,
  rootOf,
  signNote,
} from '../src/mod.js';

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const { edge } = grow(emptyEdge, [leafHash(Buffer.from('one')), leafHash(Buffer.from('two'))]);
const checkpoint = formatCheckpoint({ origin: 'example.org/audit', size: edge.size, root: rootOf(edge) });

it('a checkpoint, a signed note and a proof are read or refused', async () => {
  const signer = noteSigner(makeSignerKey('example.org/audit'));
  const verifier = noteVerifier(signer.verifierKey);
  const note = signNote(checkpoint, signer);
  const proof = `c2sp.org/tlog-proof@v1\nindex 1\n${Buffer.alloc(32).toString('base64')}\n\n${note}`;
  const seen = [
    await withstands([checkpoint], (bytes) => parseCheckpoint(textOf(bytes))),
    await withstands([note], (bytes) => openNote(bytes, [verifier])),
    await withstands([proof], (bytes) => parseProof(textOf(bytes))),
  ];
  for (const { refused } of seen) expect(refused).toBeGreaterThan(0);
});

it('a key of a signer or verifier is read or refused', async () => {
  const key = makeSignerKey('example.org/audit');
  await withstands([key], (bytes) => noteSigner(textOf(bytes)));
  await withstands([noteSigner(key).verifierKey], (bytes) => noteVerifier(textOf(bytes)));
  await withstands(['aGVsbG8='], (bytes) => decodeBase64(textOf(bytes)));
});
